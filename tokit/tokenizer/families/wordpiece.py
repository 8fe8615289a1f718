"""WordPiece: longest match first, pieces inside a word marked by `##`. A word with an unknown character is unknown.

Schuster and Nakajima 2012, https://research.google/pubs/pub37842/; the trainer is that of the `tokenizers`
library, which merges by frequency as BPE does. Its ids depend on the order of a hash table; here they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tokit.errors import UsageError
from tokit.kernels.compiled.loader import kernel_pays_off
from tokit.params import param
from tokit.text.pipeline import DROPPING, REGEX_PREFIX, TextPipeline
from tokit.tokenizer.families.base import (
    TokenizerFamily,
    TrainedVocabulary,
    TrainingJob,
    check_size,
    guarded_items,
    guarded_pretokenizer,
)
from tokit.tokenizer.families.char import character_counts, covering
from tokit.tokenizer.special_tokens import SpecialTokens
from tokit.tokenizer.train.library_trainer import shortened, train_from_counts
from tokit.tokenizer.train.merge_trainer import MergeLimits, SymbolWords, learn

PREFIX = "##"
Items = list[tuple[str, int]]


@dataclass(frozen=True)
class WordPieceParams:
    """Parameters of WordPiece."""

    min_frequency: int = param(0, "minimum count of a pair to merge", minimum=0)
    character_coverage: float = param(1.0, "fraction of the text that the alphabet covers", minimum=0, maximum=1)
    max_word_chars: int = param(100, "maximum length of a word, in characters; longer ones are unknown", minimum=1)


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
    def train_sizes(cls, job: TrainingJob, sizes: Sequence[int]) -> list[TrainedVocabulary]:
        if job.pipeline.pre_tokenizer not in DROPPING and not job.pipeline.pre_tokenizer.startswith(REGEX_PREFIX):
            raise UsageError(
                f"wordpiece needs a pre-tokenizer that drops spaces, and '{job.pipeline.pre_tokenizer}' keeps them",
                hint=f"--pre-tokenizer {', '.join(DROPPING)}",
            )
        special = job.special.with_unknown()
        items = guarded_items(job, special)
        alphabet = set(covering(character_counts(items), job.params.character_coverage))
        # A word with a character outside the alphabet is unknown, so nothing is learned from it.
        items, notes = shortened([(word, count) for word, count in items if alphabet.issuperset(word)])
        inner = sorted({PREFIX + character for word, _ in items for character in word[1:]})
        base = [*special.texts, *inner, *sorted({character for word, _ in items for character in word})]
        check_size(min(sizes), len(base), "the special tokens and the alphabet")
        tokens = cls._tokens(job, items, base, len(special.texts) + len(inner), max(sizes))
        return [replace(cls._assembled(job, special, tokens[:size]), notes=notes) for size in sizes]

    @classmethod
    def _tokens(cls, job: TrainingJob, items: Items, base: list[str], fixed: int, size: int) -> list[str]:
        """Tokens by id; the first `fixed` are special tokens and inner characters."""
        # With "#" in a word, a merged piece may have the text of an inner character: then the library decides.
        hashes = any("#" in word and len(word) > 1 for word, _ in items)
        # The library reads every occurrence, and counts pairs in 32 bits, which overflow on large corpora.
        if hashes or not kernel_pays_off("learn_merges", sum(len(word) * count for word, count in items)):
            return cls._library_tokens(job, items, base[:fixed], size)
        words = _as_symbols(items, {token: i for i, token in enumerate(base)}, len(base))
        tokens = list(base)
        for left, right in learn(words, MergeLimits(size - len(base), job.params.min_frequency), job.tick):
            tokens.append(tokens[left] + tokens[right].removeprefix(PREFIX))
        return tokens

    @classmethod
    def _library_tokens(cls, job: TrainingJob, items: Items, fixed: list[str], size: int) -> list[str]:
        from tokenizers import models, trainers

        trainer = trainers.WordPieceTrainer(
            vocab_size=size,
            min_frequency=job.params.min_frequency,
            # As special tokens the inner characters have fixed ids; otherwise a hash table orders them.
            special_tokens=fixed,
            continuing_subword_prefix=PREFIX,
            show_progress=False,
        )
        vocab = train_from_counts(models.WordPiece(), trainer, items, job.tick)["vocab"]
        return sorted(vocab, key=vocab.__getitem__)

    @classmethod
    def _assembled(cls, job: TrainingJob, special: SpecialTokens, tokens: list[str]) -> TrainedVocabulary:
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
        splitter = guarded_pretokenizer(job.pipeline, special)
        if splitter is not None:
            library.pre_tokenizer = splitter
        library.decoder = decoders.WordPiece(prefix=PREFIX, cleanup=False)
        return TrainedVocabulary(library, special)


def _as_symbols(items: Items, ids: dict[str, int], first_id: int) -> SymbolWords:
    """Words as symbols: the ids of their characters, with the prefix after the first."""
    points = np.frombuffer("".join([word for word, _ in items]).encode("utf-32-le"), dtype="<u4")
    ends = np.cumsum([len(word) for word, _ in items], dtype=np.int64)
    distinct, places = np.unique(points, return_inverse=True)
    outer = np.array([ids[chr(point)] for point in distinct.tolist()], dtype=np.int32)
    inner = np.array([ids.get(PREFIX + chr(point), 0) for point in distinct.tolist()], dtype=np.int32)
    symbols = inner[places]
    starts = np.concatenate([[0], ends[:-1]])
    symbols[starts] = outer[places[starts]]
    return SymbolWords(symbols, ends, np.array([count for _, count in items], dtype=np.int64), first_id)
