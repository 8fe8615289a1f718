"""Unigram language model: the most probable segmentation of each word.

Over the byte-level alphabet by default, so that decoding is exact. With a metaspace it works on characters as
SentencePiece does, and U+2581 in the text comes back as a space.
Kudo 2018, https://aclanthology.org/P18-1007
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokit.params import param
from tokit.text.pipeline import METASPACE, TextPipeline
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
from tokit.tokenizer.families.char import character_counts, covering
from tokit.tokenizer.special_tokens import BYTE_TOKENS, UNKNOWN
from tokit.tokenizer.train.library_trainer import shortened, train_from_counts

if TYPE_CHECKING:
    from tokenizers import decoders

Scored = list[tuple[str, float]]
NOT_REPRODUCIBLE = "the library's unigram trainer sums in the order of a hash table: scores differ between runs"


@dataclass(frozen=True)
class UnigramParams:
    """Parameters of unigram."""

    alphabet: str = param(
        "auto", "unit of the pieces; auto: chars with a metaspace, else bytes", choices=("auto", "bytes", "chars")
    )
    byte_fallback: bool = param(True, "encode unknown characters as bytes (with alphabet chars)")
    character_coverage: float = param(
        1.0, "fraction of the text that the alphabet covers (with alphabet chars)", minimum=0, maximum=1
    )
    max_piece_length: int = param(16, "maximum length of a piece, in units of the alphabet", minimum=1)
    shrinking_factor: float = param(0.75, "fraction of the pieces that each pruning keeps", minimum=0.1, maximum=0.95)
    sub_iterations: int = param(2, "iterations of expectation-maximization between prunings", minimum=1)


class Unigram(TokenizerFamily):
    """Unigram as the `tokenizers` library trains it."""

    name = "unigram"
    Params = UnigramParams

    @classmethod
    def default_pipeline(cls, params: UnigramParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="gpt2")

    @classmethod
    def train(cls, job: TrainingJob) -> TrainedVocabulary:
        if uses_characters(job):
            return cls._on_characters(job)
        return cls._on_bytes(job)

    @classmethod
    def _on_bytes(cls, job: TrainingJob) -> TrainedVocabulary:
        from tokenizers import Tokenizer, decoders, models

        base = len(job.special.texts)
        check_size(job.size, base + 256, "the special tokens and 256 bytes")
        items = [(to_byte_level(word), count) for word, count in guarded_items(job, job.special)]
        items, notes = shortened(items)
        pieces = learn_pieces(job, items, list(byte_alphabet()), job.size - base)
        vocab = [(text, 0.0) for text in job.special.texts] + pieces
        library = Tokenizer(models.Unigram(vocab, unk_id=None, byte_fallback=False))
        library.normalizer = job.pipeline.normalizer()
        library.pre_tokenizer = guarded_byte_level(job.pipeline, job.special)
        library.decoder = decoders.ByteLevel()
        return TrainedVocabulary(library, job.special, not_reproducible_because=NOT_REPRODUCIBLE, notes=notes)

    @classmethod
    def _on_characters(cls, job: TrainingJob) -> TrainedVocabulary:
        from tokenizers import Tokenizer, models

        # The model asks for an unknown token even where bytes leave nothing unknown.
        special = job.special.with_unknown()
        byte_tokens = BYTE_TOKENS if job.params.byte_fallback else ()
        items = guarded_items(job, special, byte_tokens=bool(byte_tokens))
        alphabet = covering(character_counts(items), job.params.character_coverage)
        base = len(special.texts) + len(byte_tokens)
        check_size(job.size, base + len(alphabet), "the special tokens and the alphabet")
        known = set(alphabet)
        items = [(word, count) for word, count in items if known.issuperset(word)]
        items, notes = shortened(items)
        pieces = learn_pieces(job, items, alphabet, job.size - base)
        # Byte tokens and special tokens never win against text: the guard keeps them out of a pre-token.
        vocab = [(text, 0.0) for text in (*special.texts, *byte_tokens)] + pieces
        library = Tokenizer(
            models.Unigram(vocab, unk_id=special.ids()[UNKNOWN], byte_fallback=job.params.byte_fallback)
        )
        library.normalizer = job.pipeline.normalizer()
        splitter = guarded_pretokenizer(job.pipeline, special, byte_tokens=bool(byte_tokens))
        if splitter is not None:
            library.pre_tokenizer = splitter
        library.decoder = character_decoder(job.pipeline)
        return TrainedVocabulary(library, special, not_reproducible_because=NOT_REPRODUCIBLE, notes=notes)


def uses_characters(job: TrainingJob) -> bool:
    """True if the pieces are made of characters rather than bytes."""
    if job.params.alphabet == "auto":
        return job.pipeline.pre_tokenizer == "metaspace"
    return bool(job.params.alphabet == "chars")


def character_decoder(pipeline: TextPipeline) -> decoders.Decoder:
    """Decoder that joins pieces of characters; with a metaspace pre-tokenizer it turns U+2581 into spaces."""
    from tokenizers import decoders

    steps: list[Any] = [decoders.ByteFallback(), decoders.Fuse()]
    if pipeline.pre_tokenizer == "metaspace":
        steps.insert(0, decoders.Replace(METASPACE, " "))
    return decoders.Sequence(steps)


def learn_pieces(job: TrainingJob, items: list[tuple[str, int]], alphabet: list[str], size: int) -> Scored:
    """Train pieces; returns them with their log probabilities, the most probable first, the whole alphabet included."""
    from tokenizers import models, trainers

    trainer = trainers.UnigramTrainer(
        vocab_size=size,
        initial_alphabet=alphabet,
        special_tokens=[],
        unk_token=None,
        max_piece_length=job.params.max_piece_length,
        shrinking_factor=job.params.shrinking_factor,
        n_sub_iterations=job.params.sub_iterations,
        show_progress=False,
    )
    scored = train_from_counts(models.Unigram(), trainer, items, job.tick)["vocab"]
    # On a text of a few letters the trainer divides by zero; such a piece ranks below all others.
    lowest = min((score for _, score in scored if score is not None), default=0.0) - 1
    return [(piece, lowest if score is None else score) for piece, score in scored]
