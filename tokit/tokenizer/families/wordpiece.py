"""WordPiece: longest match first, pieces inside a word marked by `##`. A word with an unknown character is lost whole.

Schuster and Nakajima 2012, https://research.google/pubs/pub37842/; the trainer is the reference's, which merges
by frequency as BPE does. Its ids differ from run to run with the order of a hash table; ours do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokit.errors import UsageError
from tokit.kernels.compiled.loader import pays
from tokit.params import param
from tokit.text.pipeline import DROPPING, REGEX_PREFIX, TextPipeline
from tokit.tokenizer.families.base import Job, TokenizerFamily, Trained, check_size, fenced_items, guarded
from tokit.tokenizer.families.char import character_counts, covering
from tokit.tokenizer.special_tokens import SpecialTokens
from tokit.tokenizer.train.library_trainer import train_from_counts
from tokit.tokenizer.train.merge_trainer import MergeLimits, SymbolWords, learn

PREFIX = "##"


@dataclass(frozen=True)
class WordPieceParams:
    """What `--set` takes for wordpiece."""

    min_frequency: int = param(0, "a pair that occurs less often is not merged", minimum=0)
    character_coverage: float = param(
        1.0, "share of the text that the alphabet covers; words with others are unknown", minimum=0, maximum=1
    )
    max_word_chars: int = param(100, "a longer word becomes the unknown token", minimum=1)


class WordPiece(TokenizerFamily):
    """WordPiece as BERT uses it, cased unless `--normalizer lowercase` is given."""

    name = "wordpiece"
    Params = WordPieceParams

    @classmethod
    def default_pipeline(cls, params: WordPieceParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="bert")

    @classmethod
    def default_template(cls) -> str:
        return "bert"

    @classmethod
    def train_sizes(cls, job: Job, sizes: Sequence[int]) -> list[Trained]:
        if job.pipeline.pre_tokenizer not in DROPPING and not job.pipeline.pre_tokenizer.startswith(REGEX_PREFIX):
            raise UsageError(
                f"wordpiece puts the spaces back between words, and '{job.pipeline.pre_tokenizer}' leaves them in",
                hint=f"--pre-tokenizer {', '.join(DROPPING)}",
            )
        special = job.special.with_unknown()
        items = fenced_items(job, special)
        alphabet = set(covering(character_counts(items), job.params.character_coverage))
        # A word with a character outside the alphabet will be unknown, so nothing is learned from it.
        items = [(word, count) for word, count in items if alphabet.issuperset(word)]
        inner = sorted({PREFIX + character for word, _ in items for character in word[1:]})
        base = [*special.texts, *inner, *sorted({character for word, _ in items for character in word})]
        check_size(min(sizes), len(base), "the special tokens and the alphabet")
        tokens = cls._tokens(job, items, base, len(special.texts) + len(inner), max(sizes))
        return [cls._assembled(job, special, tokens[:size]) for size in sizes]

    @classmethod
    def _tokens(cls, job: Job, items: list[tuple[str, int]], base: list[str], fixed: int, size: int) -> list[str]:
        """The vocabulary by id; its first `fixed` are special tokens and inner characters."""
        # Where "#" meets others, a merged piece may be spelled like an inner character, and the reference has its way.
        hashes = any("#" in word and len(word) > 1 for word, _ in items)
        # The reference is fed every occurrence, and the 32 bits in which it counts pairs are not enough for much text.
        if hashes or not pays("learn_merges", sum(len(word) * count for word, count in items)):
            return cls._reference_tokens(job, items, base[:fixed], size)
        words = _as_symbols(items, {token: i for i, token in enumerate(base)}, len(base))
        tokens = list(base)
        for left, right in learn(words, MergeLimits(size - len(base), job.params.min_frequency), job.tick):
            tokens.append(tokens[left] + tokens[right].removeprefix(PREFIX))
        return tokens

    @classmethod
    def _reference_tokens(cls, job: Job, items: list[tuple[str, int]], fixed: list[str], size: int) -> list[str]:
        from tokenizers import models, trainers

        trainer = trainers.WordPieceTrainer(
            vocab_size=size,
            min_frequency=job.params.min_frequency,
            # Given as special tokens the inner characters have fixed ids; else a hash table orders them.
            special_tokens=fixed,
            continuing_subword_prefix=PREFIX,
            show_progress=False,
        )
        vocab = train_from_counts(models.WordPiece(), trainer, items, job.tick)["vocab"]
        return sorted(vocab, key=vocab.__getitem__)

    @classmethod
    def _assembled(cls, job: Job, special: SpecialTokens, tokens: list[str]) -> Trained:
        from tokenizers import Tokenizer, decoders, models

        library = Tokenizer(
            models.WordPiece(
                vocab={token: i for i, token in enumerate(tokens)},
                unk_token=special.unknown,
                continuing_subword_prefix=PREFIX,
                max_input_chars_per_word=job.params.max_word_chars,
            )
        )
        library.normalizer = job.pipeline.normalizer()
        splitter = guarded(job.pipeline, special)
        if splitter is not None:
            library.pre_tokenizer = splitter
        library.decoder = decoders.WordPiece(prefix=PREFIX, cleanup=False)
        return Trained(library, special)


def _as_symbols(items: list[tuple[str, int]], ids: dict[str, int], first_id: int) -> SymbolWords:
    """Words as the ids of their characters, which within a word have a prefix."""
    points = np.frombuffer("".join([word for word, _ in items]).encode("utf-32-le"), dtype="<u4")
    ends = np.cumsum([len(word) for word, _ in items], dtype=np.int64)
    distinct, places = np.unique(points, return_inverse=True)
    outer = np.array([ids[chr(point)] for point in distinct.tolist()], dtype=np.int32)
    inner = np.array([ids.get(PREFIX + chr(point), 0) for point in distinct.tolist()], dtype=np.int32)
    symbols = inner[places]
    starts = np.concatenate([[0], ends[:-1]])
    symbols[starts] = outer[places[starts]]
    return SymbolWords(symbols, ends, np.array([count for _, count in items], dtype=np.int64), first_id)
