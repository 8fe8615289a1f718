"""Count the pre-tokens of a whole corpus, on threads."""

from __future__ import annotations

from tokit.corpus import Corpus, Fingerprint, RawBlock
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus, is_small, raw_blocks_with_progress
from tokit.counts.counter import PreTokenCounter
from tokit.counts.counts_folder import CountsArtifact
from tokit.counts.limits import WordLimits
from tokit.progress import Tick, silent
from tokit.runtime.memory import free_memory
from tokit.runtime.threads import in_order
from tokit.text.pipeline import TextPipeline


def count_corpus(
    corpus: Corpus, pipeline: TextPipeline, *, limits: WordLimits | None = None, tick: Tick = silent
) -> CountsArtifact:
    """Count the pre-tokens of a corpus in one pass.

    Args:
        corpus: The text.
        pipeline: How it is normalized and pre-tokenized.
        limits: Number of distinct pre-tokens that may be held; None is what fits in memory.
        tick: Progress.

    Raises:
        CorpusError: the corpus holds no document, or more distinct pre-tokens than may be held.
    """
    counter, fingerprint = PreTokenCounter(pipeline, limits or WordLimits(free_memory=free_memory)), Fingerprint()

    def count(raw_block: RawBlock) -> Fingerprint:
        block = raw_block.parse()
        counter.add(block)
        return Fingerprint.of(block)

    for part in in_order(count, raw_blocks_with_progress(corpus, "counting", tick), alone=is_small):
        fingerprint.merge(part)
    if not fingerprint.documents:
        raise empty_corpus(corpus.skip_reasons)
    return CountsArtifact(counter.counts(), pipeline, corpus_facts(fingerprint), counter.shortfall, corpus.origins)
