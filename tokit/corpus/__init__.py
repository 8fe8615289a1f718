"""Text in: files, folders, globs, named corpora and standard input become blocks of documents.

`open_corpus` is the way in; a new format is one file here and one line in `readers.py`.
"""

from tokit.corpus.fingerprint import Fingerprint, split_mask
from tokit.corpus.formats.base import RawBlock
from tokit.corpus.open import Corpus, CorpusSource, open_corpus

__all__ = ["Corpus", "CorpusSource", "Fingerprint", "RawBlock", "open_corpus", "split_mask"]
