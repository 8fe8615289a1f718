"""Byte-level byte-pair encoding.

Byte-level, so there is no unknown token and decoding is exact.
Sennrich et al. 2016, https://aclanthology.org/P16-1162
"""

from __future__ import annotations

from dataclasses import dataclass

from tokit.params import param
from tokit.rules import TextRules
from tokit.tokenizer.family import Family, Job, Trained, check_size, fenced_items, guarded
from tokit.tokenizer.reference import train_from_counts
from tokit.tokenizer.structure import byte_alphabet, to_byte_level


@dataclass(frozen=True)
class BpeParams:
    """What `--set` takes for bpe."""

    min_frequency: int = param(0, "a pair that occurs less often is not merged", minimum=0)
    max_token_length: int | None = param(None, "merged tokens are shorter than this many bytes", minimum=3)


class Bpe(Family):
    """Byte-level BPE as the reference's `ByteLevel` trains it."""

    name = "bpe"
    Params = BpeParams

    @classmethod
    def default_rules(cls, params: BpeParams) -> TextRules:
        return TextRules(pre_tokenizer="gpt2")

    @classmethod
    def train(cls, job: Job) -> Trained:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        check_size(job.size, len(job.special.texts) + 256, "the special tokens and 256 bytes")
        trainer = trainers.BpeTrainer(
            vocab_size=job.size,
            min_frequency=job.params.min_frequency,
            max_token_length=job.params.max_token_length,
            special_tokens=job.special.texts,
            initial_alphabet=list(byte_alphabet()),
            show_progress=False,
        )
        items = [(to_byte_level(word), count) for word, count in fenced_items(job, job.special)]
        model = train_from_counts(models.BPE(), trainer, items, job.tick)
        merges = [tuple(merge) for merge in model["merges"]]
        engine = Tokenizer(models.BPE(vocab=model["vocab"], merges=merges))
        engine.normalizer = job.rules.normalizer()
        engine.pre_tokenizer = guarded(
            job.rules, job.special, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        )
        engine.decoder = decoders.ByteLevel()
        return Trained(engine, job.special)
