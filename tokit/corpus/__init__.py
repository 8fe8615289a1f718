"""Text in: files, folders, globs, named corpora and standard input become blocks of documents.

`open_corpus` is the way in; a new format is one file here and one line in `readers.py`.
"""

from tokit.corpus.corpus import Corpus, Source, open_corpus
from tokit.corpus.fingerprint import Fingerprint, split_mask
from tokit.corpus.readers import Unread

__all__ = ["Corpus", "Fingerprint", "Source", "Unread", "open_corpus", "split_mask"]
