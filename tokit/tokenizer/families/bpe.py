"""Byte-level byte-pair encoding.

Byte-level, so there is no unknown token and decoding is exact.
Sennrich et al. 2016, https://aclanthology.org/P16-1162
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokit.kernels.compiled.loader import kernel_pays_off
from tokit.params import param
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.byte_alphabet import byte_alphabet, to_byte_level
from tokit.tokenizer.families.base import (
    TokenizerFamily,
    TrainedVocabulary,
    TrainingJob,
    check_size,
    guarded_byte_level,
    guarded_counts,
)
from tokit.tokenizer.train.library_trainer import train_from_counts
from tokit.tokenizer.train.merge_trainer import NO_LIMIT, MergeLimits, SymbolWords, learn


@dataclass(frozen=True)
class BpeParams:
    """Parameters of BPE."""

    min_frequency: int = param(0, "minimum count of a pair to merge", minimum=0)
    max_token_length: int | None = param(None, "merged tokens are shorter than N bytes; default: no limit", minimum=3)


class Bpe(TokenizerFamily):
    """Byte-level BPE, with the merges that the `tokenizers` library learns."""

    name = "bpe"
    Params = BpeParams

    @classmethod
    def default_pipeline(cls, params: BpeParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2")

    @classmethod
    def train_sizes(cls, job: TrainingJob, sizes: Sequence[int]) -> list[TrainedVocabulary]:
        base = [*job.special.texts, *sorted(byte_alphabet())]
        check_size(min(sizes), len(base), "the special tokens and 256 bytes")
        # A smaller vocabulary has the first merges of a larger one.
        merges = cls._merges(job, base, max(sizes))
        return [cls._assembled(job, base, merges[: size - len(base)]) for size in sizes]

    @classmethod
    def _merges(cls, job: TrainingJob, base: list[str], size: int) -> list[tuple[str, str]]:
        counts = guarded_counts(job, job.special)
        # The library reads every occurrence, and counts pairs in 32 bits, which overflow on large corpora.
        if not kernel_pays_off("learn_merges", counts.text_bytes):
            return cls._library_merges(job, counts.items(), size)
        symbols = np.array([base.index(character) for character in byte_alphabet()], dtype=np.int32)
        longest = job.params.max_token_length or NO_LIMIT
        limits = MergeLimits(size - len(base), job.params.min_frequency, longest)
        words = SymbolWords(symbols[counts.data], counts.ends, counts.counts, len(base))
        texts, merges = list(base), []
        for left, right in learn(words, limits, job.tick):
            texts.append(texts[left] + texts[right])
            merges.append((texts[left], texts[right]))
        return merges

    @classmethod
    def _library_merges(cls, job: TrainingJob, items: list[tuple[str, int]], size: int) -> list[tuple[str, str]]:
        from tokenizers import models, trainers

        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=job.params.min_frequency,
            max_token_length=job.params.max_token_length,
            special_tokens=job.special.texts,
            initial_alphabet=list(byte_alphabet()),
            show_progress=False,
        )
        words = [(to_byte_level(word), count) for word, count in items]
        model = train_from_counts(models.BPE(), trainer, words, job.tick)
        return [(left, right) for left, right in model["merges"]]

    @classmethod
    def _assembled(cls, job: TrainingJob, base: list[str], merges: list[tuple[str, str]]) -> TrainedVocabulary:
        from tokenizers import Tokenizer, decoders, models

        vocab = {token: i for i, token in enumerate([*base, *(left + right for left, right in merges)])}
        library = Tokenizer(models.BPE(vocab=vocab, merges=merges))
        library.normalizer = job.pipeline.normalizer()
        library.pre_tokenizer = guarded_byte_level(job.pipeline, job.special)
        library.decoder = decoders.ByteLevel()
        return TrainedVocabulary(library, job.special)
