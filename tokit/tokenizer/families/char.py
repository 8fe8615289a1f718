"""Unicode code points as tokens; a character outside the vocabulary is encoded as bytes, so decoding is exact."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tokit.params import param
from tokit.text.pipeline import TextPipeline, join_steps
from tokit.tokenizer.families.base import TokenizerFamily, TrainedVocabulary, TrainingJob, check_size
from tokit.tokenizer.special_tokens import BYTE_TOKENS


@dataclass(frozen=True)
class CharParams:
    """Parameters of char."""

    min_frequency: int = param(0, "minimum count of a character", minimum=0)
    character_coverage: float = param(1.0, "fraction of the text that the characters cover", minimum=0, maximum=1)
    byte_fallback: bool = param(True, "encode unknown characters as bytes, not as the unknown token")


class Char(TokenizerFamily):
    """One token for each code point, most frequent first."""

    name = "char"
    Params = CharParams
    default_vocab_size = None

    @classmethod
    def default_pipeline(cls, params: CharParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2")

    @classmethod
    def train(cls, job: TrainingJob) -> TrainedVocabulary:
        from tokenizers import Tokenizer, decoders, models

        fallback = job.params.byte_fallback
        special = job.special if fallback else job.special.with_unknown()
        base = [*special.texts, *(BYTE_TOKENS if fallback else ())]
        if job.vocab_size is not None:
            contents = f"{len(special.texts)} special tokens{' and 256 byte tokens' if fallback else ''}"
            check_size(job.vocab_size, len(base) + 1, f"{contents} and one character")
        characters = covering(character_counts(job.items), job.params.character_coverage, job.params.min_frequency)
        room = None if job.vocab_size is None else job.vocab_size - len(base)
        vocab = {token: i for i, token in enumerate([*base, *characters[:room]])}
        unknown = None if fallback else special.unknown
        library = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token=unknown, byte_fallback=fallback))
        library.normalizer = job.pipeline.normalizer()
        # Where the pre-tokens joined are the text, splitting it first changes nothing.
        splitter = None if job.pipeline.keeps_text else join_steps(job.pipeline.splitters())
        if splitter is not None:
            library.pre_tokenizer = splitter
        library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
        return TrainedVocabulary(library, special)


def character_counts(items: list[tuple[str, int]]) -> Counter[str]:
    """Occurrences of each character."""
    counts: Counter[str] = Counter()
    for word, count in items:
        for character in word:
            counts[character] += count
    return counts


def covering(counts: Counter[str], coverage: float, min_frequency: int = 0) -> list[str]:
    """The most frequent characters that together make up a fraction of the text; ties by code point.

    Args:
        counts: Character → occurrences.
        coverage: Fraction of all occurrences, 0 to 1.
        min_frequency: Minimum count, at any coverage.
    """
    wanted = coverage * counts.total()
    chosen: list[str] = []
    covered = 0
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        # At full coverage rounding must not cost the last character.
        if (coverage < 1 and covered >= wanted) or count < min_frequency:
            break
        chosen.append(character)
        covered += count
    return chosen
