"""`tokit count`: pre-tokens of a corpus, or of several counts together, as a mergeable artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.corpus import Corpus, Fingerprint, RawBlock
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus, is_small, raw_blocks_with_progress
from tokit.counts.counter import PreTokenCounter
from tokit.counts.counts_folder import (
    CountsArtifact,
    load_counts,
    merge_counts,
    require_same_pipeline,
    save_counts,
    without_rare,
)
from tokit.counts.limits import Limits
from tokit.progress import Tick, silent
from tokit.runtime.memory import free_memory
from tokit.runtime.threads import in_order
from tokit.storage.folder import check_target
from tokit.text.pipeline import TextPipeline


@dataclass(frozen=True, slots=True)
class CountReport:
    """What counting gave.

    `shortfall` is by how much a count may be too low; a word that is missing may occur `missing_up_to` times.
    """

    path: str
    documents: int
    bytes: int
    words: int
    total: int
    skipped: int
    replaced: int
    shortfall: int = 0
    missing_up_to: int = 0


def count_corpus(
    corpus: Corpus, pipeline: TextPipeline, *, limits: Limits | None = None, tick: Tick = silent
) -> CountsArtifact:
    """Count the pre-tokens of a corpus in one pass.

    Args:
        corpus: The text.
        pipeline: How to cut it.
        limits: How many distinct ones may be held; None is what fits in memory.
        tick: Progress.

    Raises:
        CorpusError: the corpus holds no document, or more distinct pre-tokens than may be held.
    """
    counter, fingerprint = PreTokenCounter(pipeline, limits or Limits(free_memory=free_memory)), Fingerprint()

    def count(raw_block: RawBlock) -> Fingerprint:
        block = raw_block.parse()
        counter.add(block)
        return Fingerprint.of(block)

    for part in in_order(count, raw_blocks_with_progress(corpus, "counting", tick), alone=is_small):
        fingerprint.merge(part)
    if not fingerprint.documents:
        raise empty_corpus()
    return CountsArtifact(counter.counts(), pipeline, corpus_facts(fingerprint), counter.shortfall)


def merged_counts(paths: Sequence[str | Path], pipeline: TextPipeline | None = None) -> CountsArtifact:
    """Load counts and add them up.

    Args:
        paths: Folders of counts.
        pipeline: What the user asked for; None takes the counts' own.

    Raises:
        ArtifactError: counts of different rules, or of others than asked for.
    """
    names = [str(path) for path in paths]
    merged = merge_counts([load_counts(path) for path in paths], names)
    if pipeline is not None:
        require_same_pipeline(pipeline, merged.pipeline, "the command line", names[0])
    return merged


def count_to_folder(
    corpus: Corpus | None,
    out: str | Path,
    *,
    pipeline: TextPipeline | None = None,
    counts: Sequence[str | Path] = (),
    min_frequency: int = 1,
    max_words: int | None = None,
    overwrite: bool = False,
    tick: Tick = silent,
) -> CountReport:
    """Count a corpus, or merge counts, and write the result.

    Args:
        corpus: Text to count; None when only counts are merged.
        out: The folder to write.
        pipeline: How to cut the text; None is GPT-2's pattern, or whatever the given counts have.
        counts: Folders of counts to add.
        min_frequency: Leave words out that were counted less often. Above 1, counting forgets the rarest words when it
            holds too many, and says by how much counts may then be too low.
        max_words: Distinct words that each thread may hold; None is what fits in memory.
        overwrite: Replace counts that are there.
        tick: Progress.
    """
    check_target(out, overwrite=overwrite)
    artifacts, names = [], []
    if counts:
        artifacts.append(merged_counts(counts, pipeline))
        names.append(str(counts[0]))
    if corpus is not None:
        own_pipeline = pipeline or (artifacts[0].pipeline if artifacts else TextPipeline())
        limits = Limits(max_words, min_frequency > 1, free_memory)
        artifacts.append(count_corpus(corpus, own_pipeline, limits=limits, tick=tick))
        names.append("the corpus")
    result = without_rare(merge_counts(artifacts, names), min_frequency)
    save_counts(result, out, overwrite=overwrite)
    return CountReport(
        str(out),
        result.corpus.documents,
        result.corpus.bytes,
        len(result.counts),
        result.counts.total,
        corpus.skipped if corpus else 0,
        corpus.replaced if corpus else 0,
        result.shortfall.listed,
        result.shortfall.missing,
    )
