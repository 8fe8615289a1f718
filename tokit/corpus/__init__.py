"""Text in: files, folders, globs, bundled corpora and standard input become blocks of documents.

`open_corpus` is the way in:

    open.py      options and file names → Corpus      locate.py, bundled.py   names, globs, URIs, @names → files
    corpus.py    Corpus, CorpusSource → raw blocks    byte_stream.py          bytes, decompressed by compression.py
    formats/     a reader for each format             utf8.py                 bytes that are not UTF-8

With `--errors skip`, `ReadStats.skip` counts what is left out, by reason; a `BadRecordError` says why. Empty lines of
JSON lines and pages of Wikipedia that are no articles are not documents: their readers leave them out.
"""

from tokit.corpus.corpus import Corpus, CorpusSource
from tokit.corpus.fingerprint import Fingerprint, split_mask
from tokit.corpus.formats.base import RawBlock
from tokit.corpus.open import open_corpus
from tokit.corpus.read_report import reasons_text

__all__ = ["Corpus", "CorpusSource", "Fingerprint", "RawBlock", "open_corpus", "reasons_text", "split_mask"]
