"""Base of the tokenizer families: parameters, default text pipeline, training from counts or text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tokit.arrays import Block, Counts
from tokit.errors import TrainingError
from tokit.progress import Tick, silent
from tokit.text.pipeline import TextPipeline, join_steps
from tokit.tokenizer.special_tokens import SpecialTokens, guard

if TYPE_CHECKING:
    import tokenizers
    from tokenizers import pre_tokenizers

DEFAULT_VOCAB_SIZE = 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """Input of a training.

    Attributes:
        pipeline: Normalizer and pre-tokenizer that the text went through.
        special: The special tokens; a family that needs an unknown token adds it.
        vocab_size: Size asked for, special tokens included; None leaves it to the family.
        params: The family's own parameters.
        counts: Counts of pre-tokens, for families that train from them.
        blocks: Opens the text, for families whose trainer needs it.
        seed: Random seed.
        tick: Progress.
    """

    pipeline: TextPipeline
    special: SpecialTokens
    vocab_size: int | None
    params: Any
    counts: Counts | None = None
    blocks: Callable[[], Iterator[Block]] | None = None
    seed: int = 0
    tick: Tick = silent

    @property
    def items(self) -> list[tuple[str, int]]:
        """(pre-token, count) of each pre-token."""
        return [] if self.counts is None else self.counts.items()

    @property
    def size(self) -> int:
        """The size asked for, or the default one."""
        return DEFAULT_VOCAB_SIZE if self.vocab_size is None else self.vocab_size


@dataclass(frozen=True, slots=True)
class TrainedVocabulary:
    """Result of a training.

    Attributes:
        library: The library's tokenizer; its special tokens are not yet registered, and it has no template.
        special: The special tokens, which are its first ids.
        files: More files for the folder (name → content), such as a SentencePiece model.
        not_reproducible_because: Why the same counts may give other bytes; empty if they never do.
        notes: Notes for the user on the training.
    """

    library: tokenizers.Tokenizer
    special: SpecialTokens
    files: dict[str, bytes] = field(default_factory=dict)
    not_reproducible_because: str = ""
    notes: tuple[str, ...] = ()

    @property
    def reproducible(self) -> bool:
        """True if the same counts give the same bytes."""
        return not self.not_reproducible_because


class TokenizerFamily(ABC):
    """One kind of tokenizer; a subclass is one file and one line in `tokit.tokenizer.FAMILIES`.

    Copy `byte.py` for a family without training, `bpe.py` for one that trains from counts. The contract tests run over
    every registered family.

    Attributes:
        name: Name on the command line and in manifests.
        Params: Frozen dataclass of the family's parameters; each field becomes an option, with its help from `param`.
        default_vocab_size: Size when none is asked for; None for families that then take all of their alphabet.
    """

    name: ClassVar[str]
    Params: ClassVar[type[Any]]
    default_vocab_size: ClassVar[int | None] = DEFAULT_VOCAB_SIZE

    @classmethod
    @abstractmethod
    def default_pipeline(cls, params: Any) -> TextPipeline:
        """The text pipeline when the user names no part of it."""

    @classmethod
    def default_template(cls) -> str:
        """The post-processing template when the user names none; "" for no template."""
        return ""

    @classmethod
    def needs_text(cls, params: Any) -> bool:
        """True if the trainer reads the text itself, because counts are not enough."""
        return False

    @classmethod
    def rereads_text(cls, params: Any, pipeline: TextPipeline) -> bool:
        """True if the text is read again after it was counted: what comes through a pipe is then copied first."""
        return cls.needs_text(params)

    @classmethod
    def train(cls, job: TrainingJob) -> TrainedVocabulary:
        """Train a vocabulary of the size asked for.

        Raises:
            TrainingError: the size is below the alphabet.
        """
        return cls.train_sizes(job, [job.size])[0]

    @classmethod
    def train_sizes(cls, job: TrainingJob, sizes: Sequence[int]) -> list[TrainedVocabulary]:
        """Train a vocabulary of each size; a family overrides this if one run gives all sizes, else `train`.

        Raises:
            TrainingError: a size is below the alphabet.
        """
        return [cls.train(replace(job, vocab_size=size)) for size in sizes]


def check_size(size: int, alphabet: int, contents: str) -> None:
    """Refuse a vocabulary that cannot hold its alphabet.

    Raises:
        TrainingError: `size` is below `alphabet`.
    """
    if size < alphabet:
        raise TrainingError(
            f"vocabulary size {size} is below {alphabet}: {contents}", hint=f"pass -v {alphabet} or more"
        )


def guarded_pretokenizer(
    pipeline: TextPipeline,
    special: SpecialTokens,
    *,
    byte_tokens: bool = False,
) -> pre_tokenizers.PreTokenizer | None:
    """The pre-tokenizer of a model on characters: the pipeline's, and the guard of the special tokens where needed."""
    splitters = pipeline.splitters()
    guarding = guard(splitters, special.texts, byte_tokens=byte_tokens)
    return join_steps([*splitters, *([guarding] if guarding else [])])


def guarded_byte_level(pipeline: TextPipeline, special: SpecialTokens) -> pre_tokenizers.PreTokenizer | None:
    """The pre-tokenizer of a model on the byte alphabet, see `guarded_pretokenizer`."""
    from tokenizers import pre_tokenizers

    splitters = pipeline.splitters()
    guarding = guard(splitters, special.texts)
    if guarding is None:
        return join_steps(pipeline.byte_level_splitters())
    # A guard stands between the pattern and the byte alphabet, so the two cannot be one step.
    return join_steps([*splitters, guarding, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def guarded_items(job: TrainingJob, special: SpecialTokens, *, byte_tokens: bool = False) -> list[tuple[str, int]]:
    """(pre-token, count) of each pre-token, split by the guard, so that no piece can be the text of a special token."""
    return guarded_counts(job, special, byte_tokens=byte_tokens).items()


def guarded_counts(job: TrainingJob, special: SpecialTokens, *, byte_tokens: bool = False) -> Counts:
    """Counts of the pre-tokens, split by the guard."""
    counts = Counts.of({}) if job.counts is None else job.counts
    guarding = guard(job.pipeline.splitters(), special.texts, byte_tokens=byte_tokens)
    if guarding is None:
        return counts
    table: dict[bytes, int] = {}
    for word, count in counts.items():
        for piece, _ in guarding.pre_tokenize_str(word):
            raw = piece.encode("utf-8")
            table[raw] = table.get(raw, 0) + count
    return Counts.of(table)
