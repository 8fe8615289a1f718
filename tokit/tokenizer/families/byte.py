"""Bytes as tokens: 256 of them, nothing to learn, every text fits."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.families.base import Job, TokenizerFamily, Trained, check_size


@dataclass(frozen=True)
class ByteParams:
    """byte has no parameters of its own."""


class Byte(TokenizerFamily):
    """One token a UTF-8 byte."""

    name = "byte"
    Params = ByteParams
    sized = False

    @classmethod
    def default_pipeline(cls, params: ByteParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2")

    @classmethod
    def train(cls, job: Job) -> Trained:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        vocab = {token: i for i, token in enumerate([*job.special.texts, *byte_alphabet()])}
        if job.vocab_size is not None:
            check_size(job.vocab_size, len(vocab), "the special tokens and 256 bytes")
        library = Tokenizer(models.BPE(vocab=vocab, merges=[]))
        library.normalizer = job.pipeline.normalizer()
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.decoder = decoders.ByteLevel()
        return Trained(library, job.special)
