"""`tokit count`: count the pre-tokens of a corpus, or merge counts, into an artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.corpus import Corpus
from tokit.corpus.read_report import ReadReport, read_facts
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
from tokit.runtime.threads import limited_threads
from tokit.storage.folder import check_target
from tokit.text.pipeline import PipelineOptions, TextPipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class CountReport(ReadReport):
    """Result of counting.

    Attributes:
        words: Number of distinct pre-tokens.
        total: Number of their occurrences.
        shortfall: By how much a count may be too low.
        missing_up_to: Number of times that a missing word may occur.
    """

    path: str
    documents: int
    bytes: int
    words: int
    total: int
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
    threads: int | None = None,
    overwrite: bool = False,
    tick: Tick = silent,
) -> CountReport:
    """Count a corpus, or merge counts, and write the result.

    Args:
        corpus: Text to count; None when only counts are merged.
        out: The folder to write.
        pipeline: Normalizers and pre-tokenizer; None is GPT-2's pattern, or the pipeline of the counts.
        counts: Folders of counts to add.
        min_frequency: Drop words that were counted less often. Above 1, counting forgets the rarest words when a table
            is full, and reports by how much counts may then be too low.
        max_words: Distinct words that each thread may hold; None is what fits in memory.
        threads: Number of threads; None takes what the environment allows.
        overwrite: Replace existing counts.
        tick: Progress.

    Raises:
        CorpusError: text that cannot be read, or none.
        ArtifactError: counts of different pipelines, or the folder cannot be written.
    """
    check_target(out, overwrite=overwrite)
    artifacts, names = [], []
    if counts:
        artifacts.append(load_merged(counts, None if pipeline is None else PipelineOptions.of(pipeline)))
        names.append(str(counts[0]))
    if corpus is not None:
        own_pipeline = pipeline or (artifacts[0].pipeline if artifacts else TextPipeline())
        limits = WordLimits(max_words, min_frequency > 1, free_memory)
        with limited_threads(threads):
            artifacts.append(count_corpus(corpus, own_pipeline, limits=limits, tick=tick))
        names.append("the corpus")
    result = without_rare(merge_counts(artifacts, names), min_frequency)
    save_counts(result, out, overwrite=overwrite)
    return CountReport(
        path=str(out),
        documents=result.corpus.documents,
        bytes=result.corpus.bytes,
        words=len(result.counts),
        total=result.counts.total,
        **read_facts(corpus),
        shortfall=result.shortfall.listed,
        missing_up_to=result.shortfall.missing,
    )
