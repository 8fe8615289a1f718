"""Bytes as tokens: 256 of them, without training; every text can be encoded."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.families.base import TokenizerFamily, TrainedVocabulary, TrainingJob, check_size


@dataclass(frozen=True)
class ByteParams:
    """Parameters of byte: none."""


class Byte(TokenizerFamily):
    """One token for each UTF-8 byte."""

    name = "byte"
    Params = ByteParams
    default_vocab_size = None

    @classmethod
    def default_pipeline(cls, params: ByteParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2")

    @classmethod
    def train(cls, job: TrainingJob) -> TrainedVocabulary:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        vocab = {token: i for i, token in enumerate([*job.special.texts, *byte_alphabet()])}
        if job.vocab_size is not None:
            check_size(job.vocab_size, len(vocab), "the special tokens and 256 bytes")
        library = Tokenizer(models.BPE(vocab=vocab, merges=[]))
        library.normalizer = job.pipeline.normalizer()
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.decoder = decoders.ByteLevel()
        return TrainedVocabulary(library, job.special)
