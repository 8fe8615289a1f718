"""`tokit count`: pre-tokens of a corpus, or of several counts together, as a mergeable artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.corpus import Corpus
from tokit.counts.count_corpus import count_corpus
from tokit.counts.counts_folder import (
    load_merged,
    merge_counts,
    save_counts,
    without_rare,
)
from tokit.counts.limits import WordLimits
from tokit.progress import Tick, silent
from tokit.runtime.memory import free_memory
from tokit.storage.folder import check_target
from tokit.text.pipeline import PipelineOptions, TextPipeline


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


def count_words(
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
        artifacts.append(load_merged(counts, None if pipeline is None else PipelineOptions.of(pipeline)))
        names.append(str(counts[0]))
    if corpus is not None:
        own_pipeline = pipeline or (artifacts[0].pipeline if artifacts else TextPipeline())
        limits = WordLimits(max_words, min_frequency > 1, free_memory)
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
