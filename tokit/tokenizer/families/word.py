"""Whole words as tokens, most frequent first.

A word outside the vocabulary becomes the unknown token and cannot be decoded; with `--unknown bytes` it is encoded as
bytes instead, and decoding is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokit.params import param
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.byte_alphabet import byte_alphabet, to_byte_level
from tokit.tokenizer.families.base import (
    TokenizerFamily,
    TrainedVocabulary,
    TrainingJob,
    check_size,
    guarded_byte_level,
    guarded_items,
    guarded_pretokenizer,
)
from tokit.tokenizer.special_tokens import SpecialTokens


@dataclass(frozen=True)
class WordParams:
    """Parameters of word."""

    min_frequency: int = param(0, "minimum count of a word", minimum=0)
    unknown: str = param("token", "encode an unknown word as the unknown token or as bytes", choices=("token", "bytes"))


class Word(TokenizerFamily):
    """The most frequent words; ties by code point, as in the `tokenizers` library."""

    name = "word"
    Params = WordParams

    @classmethod
    def default_pipeline(cls, params: WordParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2" if params.unknown == "bytes" else "whitespace")

    @classmethod
    def train(cls, job: TrainingJob) -> TrainedVocabulary:
        return cls._with_bytes(job) if job.params.unknown == "bytes" else cls._with_unknown(job)

    @classmethod
    def _with_unknown(cls, job: TrainingJob) -> TrainedVocabulary:
        special = job.special.with_unknown()
        check_size(job.size, len(special.texts) + 1, "the special tokens and a word")
        return from_words(frequent_words(job, special, job.size - len(special.texts)), job.pipeline, special)

    @classmethod
    def _with_bytes(cls, job: TrainingJob) -> TrainedVocabulary:
        from tokenizers import Tokenizer, decoders, models

        base = [*job.special.texts, *byte_alphabet()]
        check_size(job.size, len(base), "the special tokens and 256 bytes")
        words = [to_byte_level(word) for word in frequent_words(job, job.special, job.size)]
        tokens = dict.fromkeys([*base, *words])
        vocab = {token: i for i, token in enumerate(list(tokens)[: job.size])}
        # WordLevel cannot decode unknown words: a BPE without merges takes whole words and falls back to bytes.
        library = Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=True))
        library.normalizer = job.pipeline.normalizer()
        library.pre_tokenizer = guarded_byte_level(job.pipeline, job.special)
        library.decoder = decoders.ByteLevel()
        return TrainedVocabulary(library, job.special)


def from_words(words: Sequence[str], pipeline: TextPipeline, special: SpecialTokens) -> TrainedVocabulary:
    """A vocabulary of the given words after the special tokens.

    Args:
        words: Distinct, none a special token; word i has the id i + the number of special tokens.
        pipeline: Text pipeline; a word that it splits is never encoded.
        special: The special tokens, the unknown token included.
    """
    from tokenizers import Tokenizer, decoders, models

    vocab = {token: i for i, token in enumerate([*special.texts, *words])}
    library = Tokenizer(models.WordLevel(vocab=vocab, unk_token=special.unknown))
    library.normalizer = pipeline.normalizer()
    splitter = guarded_pretokenizer(pipeline, special)
    if splitter is not None:
        library.pre_tokenizer = splitter
    # Without a decoder the library joins words by a space.
    if pipeline.keeps_text:
        library.decoder = decoders.Fuse()
    return TrainedVocabulary(library, special)


def frequent_words(job: TrainingJob, special: SpecialTokens, most: int) -> list[str]:
    """Up to `most` words, by falling count and then by code point."""
    ranked = sorted(guarded_items(job, special), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ranked[:most] if count >= job.params.min_frequency]
