"""A corpus read with its progress told, and what a manifest says of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from tokit.arrays import Block, CorpusFacts
from tokit.corpus import Corpus, Fingerprint, Unread
from tokit.corpus.formats.base import made
from tokit.errors import CorpusError
from tokit.progress import Progress, Tick

# Bytes of text.
WORTH_A_THREAD = 1 << 18


def followed(corpus: Corpus, stage: str, tick: Tick) -> Iterator[Block]:
    """The blocks of a corpus; after each, `tick` hears how many bytes went by."""
    return made(followed_unread(corpus, stage, tick))


def followed_unread(corpus: Corpus, stage: str, tick: Tick) -> Iterator[Unread]:
    """The same before blocks are made of it, for several threads to do so."""
    # Said at once: a compressed or marked-up source may take seconds to its first block.
    tick(Progress(stage, 0, corpus.total_bytes, "bytes"))
    for unread in corpus.unread():
        yield unread
        tick(Progress(stage, corpus.bytes_read, corpus.total_bytes, "bytes"))


def is_small(unread: Unread) -> bool:
    """Whether a block is not worth another thread."""
    return unread.size < WORTH_A_THREAD


def empty_corpus() -> CorpusError:
    """What a job says that found no document."""
    return CorpusError("the corpus is empty: no document in it", hint="is the path right, or the pipe fed?")


def corpus_facts(fingerprint: Fingerprint) -> CorpusFacts:
    """A finished fingerprint as a manifest holds it."""
    return CorpusFacts(fingerprint.hexdigest(), fingerprint.documents, fingerprint.bytes)
