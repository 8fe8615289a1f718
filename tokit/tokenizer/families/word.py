"""Whole words as tokens, most frequent first.

A word outside the vocabulary becomes the unknown token and is lost on decoding; `--set unknown=bytes` spells it in
bytes instead, and then decoding is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokit.params import param
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.byte_alphabet import byte_alphabet, to_byte_level
from tokit.tokenizer.families.base import Job, TokenizerFamily, Trained, check_size, fenced_items, guarded
from tokit.tokenizer.special_tokens import SpecialTokens


@dataclass(frozen=True)
class WordParams:
    """What `--set` takes for word."""

    min_frequency: int = param(0, "a word that occurs less often is left out", minimum=0)
    unknown: str = param("token", "an unknown word becomes the unknown token, or its bytes", choices=("token", "bytes"))


class Word(TokenizerFamily):
    """The most frequent words of the counts; ties in the order of their code points, as in the reference."""

    name = "word"
    Params = WordParams

    @classmethod
    def default_pipeline(cls, params: WordParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2" if params.unknown == "bytes" else "whitespace")

    @classmethod
    def train(cls, job: Job) -> Trained:
        return cls._with_bytes(job) if job.params.unknown == "bytes" else cls._with_unknown(job)

    @classmethod
    def _with_unknown(cls, job: Job) -> Trained:
        special = job.special.with_unknown()
        check_size(job.size, len(special.texts) + 1, "the special tokens and a word")
        return from_words(frequent_words(job, special, job.size - len(special.texts)), job.pipeline, special)

    @classmethod
    def _with_bytes(cls, job: Job) -> Trained:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        base = [*job.special.texts, *byte_alphabet()]
        check_size(job.size, len(base), "the special tokens and 256 bytes")
        words = [to_byte_level(word) for word in frequent_words(job, job.special, job.size)]
        tokens = dict.fromkeys([*base, *words])
        vocab = {token: i for i, token in enumerate(list(tokens)[: job.size])}
        # WordLevel would lose unknown words: a BPE without merges takes whole words and falls back to bytes.
        library = Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=True))
        library.normalizer = job.pipeline.normalizer()
        library.pre_tokenizer = guarded(
            job.pipeline, job.special, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        )
        library.decoder = decoders.ByteLevel()
        return Trained(library, job.special)


def from_words(words: Sequence[str], pipeline: TextPipeline, special: SpecialTokens) -> Trained:
    """A vocabulary of just these words behind the special tokens, one of which is for unknown words.

    Args:
        words: All different, and none is a special token; word i has the id i + the number of special tokens.
        pipeline: How text is cut. Text reaches only words that these leave whole.
        special: The special tokens, with one for the unknown.
    """
    from tokenizers import Tokenizer, decoders, models

    vocab = {token: i for i, token in enumerate([*special.texts, *words])}
    library = Tokenizer(models.WordLevel(vocab=vocab, unk_token=special.unknown))
    library.normalizer = pipeline.normalizer()
    splitter = guarded(pipeline, special)
    if splitter is not None:
        library.pre_tokenizer = splitter
    # Without a decoder the library joins by a space.
    if pipeline.keeps_text:
        library.decoder = decoders.Fuse()
    return Trained(library, special)


def frequent_words(job: Job, special: SpecialTokens, most: int) -> list[str]:
    """Up to `most` words, by falling count and then by code point."""
    ranked = sorted(fenced_items(job, special), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ranked[:most] if count >= job.params.min_frequency]
