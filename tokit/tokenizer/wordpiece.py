"""WordPiece: longest match first, pieces inside a word marked by `##`. A word with an unknown character is lost whole.

Schuster and Nakajima 2012, https://research.google/pubs/pub37842/; the trainer is the reference's, which merges
by frequency as BPE does. Its ids differ from run to run with the order of a hash table; ours do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokit.errors import UsageError
from tokit.params import param
from tokit.rules import DROPPING, REGEX_PREFIX, TextRules
from tokit.tokenizer.char import character_counts, covering
from tokit.tokenizer.family import Family, Job, Trained, check_size, fenced_items, guarded
from tokit.tokenizer.reference import train_from_counts

PREFIX = "##"


@dataclass(frozen=True)
class WordPieceParams:
    """What `--set` takes for wordpiece."""

    min_frequency: int = param(0, "a pair that occurs less often is not merged", minimum=0)
    character_coverage: float = param(
        1.0, "share of the text that the alphabet covers; words with others are unknown", minimum=0, maximum=1
    )
    max_word_chars: int = param(100, "a longer word becomes the unknown token", minimum=1)


class WordPiece(Family):
    """WordPiece as BERT uses it, cased unless `--normalizer lowercase` is given."""

    name = "wordpiece"
    Params = WordPieceParams

    @classmethod
    def default_rules(cls, params: WordPieceParams) -> TextRules:
        return TextRules(pre_tokenizer="bert")

    @classmethod
    def default_template(cls) -> str:
        return "bert"

    @classmethod
    def train(cls, job: Job) -> Trained:
        from tokenizers import Tokenizer, decoders, models, trainers

        if job.rules.pre_tokenizer not in DROPPING and not job.rules.pre_tokenizer.startswith(REGEX_PREFIX):
            raise UsageError(
                f"wordpiece puts the spaces back between words, and '{job.rules.pre_tokenizer}' leaves them in",
                hint=f"--pre-tokenizer {', '.join(DROPPING)}",
            )
        special = job.special.with_unknown()
        items = fenced_items(job, special)
        alphabet = set(covering(character_counts(items), job.params.character_coverage))
        # A word with a character outside the alphabet will be unknown, so nothing is learned from it.
        items = [(word, count) for word, count in items if alphabet.issuperset(word)]
        inner = sorted({PREFIX + character for word, _ in items for character in word[1:]})
        first = {character for word, _ in items for character in word}
        check_size(job.size, len(special.texts) + len(inner) + len(first), "the special tokens and the alphabet")
        trainer = trainers.WordPieceTrainer(
            vocab_size=job.size,
            min_frequency=job.params.min_frequency,
            # Given as special tokens the inner characters have fixed ids; else a hash table orders them.
            special_tokens=[*special.texts, *inner],
            continuing_subword_prefix=PREFIX,
            show_progress=False,
        )
        vocab = train_from_counts(models.WordPiece(), trainer, items, job.tick)["vocab"]
        engine = Tokenizer(
            models.WordPiece(
                vocab=vocab,
                unk_token=special.unknown,
                continuing_subword_prefix=PREFIX,
                max_input_chars_per_word=job.params.max_word_chars,
            )
        )
        engine.normalizer = job.rules.normalizer()
        splitter = guarded(job.rules, special)
        if splitter is not None:
            engine.pre_tokenizer = splitter
        engine.decoder = decoders.WordPiece(prefix=PREFIX, cleanup=False)
        return Trained(engine, special)
