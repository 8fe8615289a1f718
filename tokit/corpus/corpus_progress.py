"""Iterate over a corpus with progress; corpus statistics for manifests."""

from __future__ import annotations

from collections.abc import Iterator

from tokit.arrays import Block
from tokit.corpus import Corpus, Fingerprint, RawBlock
from tokit.corpus.formats.base import parsed_blocks
from tokit.corpus.read_report import reasons_text
from tokit.errors import CorpusError
from tokit.progress import Progress, Tick
from tokit.storage.manifests import CorpusFacts

# Bytes of text.
WORTH_A_THREAD = 1 << 18


def blocks_with_progress(corpus: Corpus, stage: str, tick: Tick) -> Iterator[Block]:
    """Iterate over the blocks of a corpus; after each, report the number of bytes read to `tick`."""
    return parsed_blocks(raw_blocks_with_progress(corpus, stage, tick))


def raw_blocks_with_progress(corpus: Corpus, stage: str, tick: Tick) -> Iterator[RawBlock]:
    """Iterate over the blocks before they are parsed, so that several threads can share the parsing."""
    # Reported at once: a compressed or marked-up source may take seconds to its first block.
    tick(Progress(stage, 0, corpus.total_bytes, "bytes"))
    for raw_block in corpus.raw_blocks():
        yield raw_block
        tick(Progress(stage, corpus.bytes_read, corpus.total_bytes, "bytes"))


def is_small(raw_block: RawBlock) -> bool:
    """True for a block that is not worth another thread."""
    return raw_block.size < WORTH_A_THREAD


def empty_corpus(skip_reasons: dict[str, int]) -> CorpusError:
    """The error of a job that found no document, or skipped all of them."""
    if skip_reasons:
        return CorpusError(
            f"all records were skipped: {reasons_text(skip_reasons)}", hint="omit --errors skip to see the first"
        )
    return CorpusError("the corpus is empty: no document in it", hint="is the path right, or the pipe fed?")


def corpus_facts(fingerprint: Fingerprint) -> CorpusFacts:
    """Corpus statistics for a manifest, from a finished fingerprint."""
    return CorpusFacts(fingerprint.hexdigest(), fingerprint.documents, fingerprint.bytes)
