"""A corpus read with its progress told, and what a manifest says of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from tokit.arrays import Block, CorpusFacts
from tokit.corpus import Corpus, Fingerprint
from tokit.errors import CorpusError
from tokit.progress import Progress, Tick

# Bytes of text.
WORTH_A_THREAD = 1 << 18


def followed(corpus: Corpus, stage: str, tick: Tick) -> Iterator[Block]:
    """The blocks of a corpus; after each, `tick` hears how many bytes went by."""
    # Said at once: a compressed or marked-up source may take seconds to its first block.
    tick(Progress(stage, 0, corpus.total_bytes, "bytes"))
    for block in corpus.blocks():
        yield block
        tick(Progress(stage, corpus.bytes_read, corpus.total_bytes, "bytes"))


def is_small(block: Block) -> bool:
    """Whether a block is not worth another thread."""
    return len(block.data) < WORTH_A_THREAD


def empty_corpus() -> CorpusError:
    """What a job says that found no document."""
    return CorpusError("the corpus is empty: no document in it", hint="is the path right, or the pipe fed?")


def corpus_facts(fingerprint: Fingerprint) -> CorpusFacts:
    """A finished fingerprint as a manifest holds it."""
    return CorpusFacts(fingerprint.hexdigest(), fingerprint.documents, fingerprint.bytes)
