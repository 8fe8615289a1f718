"""What a family of tokenizers is: parameters, default rules, and a way from counts (or text) to an engine."""

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


@dataclass(frozen=True, slots=True)
class Job:
    """One training: what to learn from, and how.

    Attributes:
        pipeline: How the text was normalised and cut.
        special: The special tokens; a family that needs an unknown token adds it.
        vocab_size: Size asked for, special tokens included; None leaves it to the family.
        params: The family's own parameters.
        counts: Counts of pre-tokens, for families that train from them.
        blocks: Opens the text, for families whose trainer needs it.
        seed: Of whatever is drawn at random.
        tick: Where to report progress.
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
        """The pre-tokens with their counts."""
        return [] if self.counts is None else self.counts.items()

    @property
    def size(self) -> int:
        """The size asked for, or the usual one."""
        return DEFAULT_VOCAB_SIZE if self.vocab_size is None else self.vocab_size


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gave.

    Attributes:
        library: The library's tokenizer, without special tokens registered and without a template.
        special: The special tokens that its first ids are.
        files: More files for the folder (name → content), such as a SentencePiece model.
        reproducible: The same counts give the same bytes; if not, `because` says why.
    """

    library: tokenizers.Tokenizer
    special: SpecialTokens
    files: dict[str, bytes] = field(default_factory=dict)
    reproducible: bool = True
    because: str = ""


class TokenizerFamily(ABC):
    """One kind of tokenizer; a subclass is one file and one line in the registry."""

    name: ClassVar[str]
    # The dataclass of what `--set` takes.
    Params: ClassVar[type[Any]]
    # Whether a training without -v asks for DEFAULT_VOCAB_SIZE or for whatever there is.
    sized: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def default_pipeline(cls, params: Any) -> TextPipeline:
        """The rules when the user names none."""

    @classmethod
    def default_template(cls) -> str:
        """The post-processing template when the user names none; "" is none."""
        return ""

    @classmethod
    def needs_text(cls, params: Any) -> bool:
        """Whether the trainer reads the text itself, and counts are not enough."""
        return False

    @classmethod
    def train(cls, job: Job) -> Trained:
        """Learn a vocabulary.

        Raises:
            TrainingError: the size is below the alphabet.
        """
        return cls.train_sizes(job, [job.size])[0]

    @classmethod
    def train_sizes(cls, job: Job, sizes: Sequence[int]) -> list[Trained]:
        """Learn a vocabulary of each size; a family overrides this or `train`, this when one run gives all.

        Raises:
            TrainingError: a size is below the alphabet.
        """
        return [cls.train(replace(job, vocab_size=size)) for size in sizes]


def check_size(size: int, alphabet: int, what: str) -> None:
    """Refuse a vocabulary that cannot even hold its alphabet.

    Raises:
        TrainingError: `size` is below `alphabet`.
    """
    if size < alphabet:
        raise TrainingError(
            f"vocabulary size {size} is below the {alphabet} of {what}", hint=f"pass -v {alphabet} or more"
        )


def guarded(
    pipeline: TextPipeline,
    special: SpecialTokens,
    last: pre_tokenizers.PreTokenizer | None = None,
    *,
    byte_tokens: bool = False,
) -> pre_tokenizers.PreTokenizer | None:
    """The pre-tokenizer of a model: the rules, the guard of the special tokens where needed, and a last step."""
    splitters = pipeline.splitters()
    fence = guard(splitters, special.texts, byte_tokens=byte_tokens)
    steps = [*splitters, *([fence] if fence else []), *([last] if last else [])]
    return join_steps(steps)


def fenced_items(job: Job, special: SpecialTokens, *, byte_tokens: bool = False) -> list[tuple[str, int]]:
    """The counted pre-tokens, cut where the guard cuts, so that no piece can spell a special token."""
    return fenced_counts(job, special, byte_tokens=byte_tokens).items()


def fenced_counts(job: Job, special: SpecialTokens, *, byte_tokens: bool = False) -> Counts:
    """The same as arrays."""
    counts = Counts.of({}) if job.counts is None else job.counts
    fence = guard(job.pipeline.splitters(), special.texts, byte_tokens=byte_tokens)
    if fence is None:
        return counts
    table: dict[bytes, int] = {}
    for word, count in counts.items():
        for piece, _ in fence.pre_tokenize_str(word):
            spelled = piece.encode("utf-8")
            table[spelled] = table.get(spelled, 0) + count
    return Counts.of(table)
