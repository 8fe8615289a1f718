r"""Text pipelines: a normalizer and a pre-tokenizer, by name.

Counts and tokenizers share them: counts carry their pipeline, and training across different ones is refused.
The patterns are those of the models they are named after, in the syntax of the reference's regex engine
(Oniguruma: possessive `{1,3}+` would be a repeated group there, `$` the end of any line). Components are written as the
owners of the models write them: other readers know those forms, and no others.

Sources: GPT-2 https://github.com/openai/gpt-2 (src/encoder.py); cl100k and o200k
https://github.com/openai/tiktoken (tiktoken_ext/openai_public.py); Llama 3 and Qwen2 as their
tokenizer.json files have them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokit.errors import ArtifactError, UsageError
from tokit.registry import did_you_mean
from tokit.storage.manifests import PipelineRecord

if TYPE_CHECKING:
    from tokenizers import pre_tokenizers
    from tokenizers.normalizers import Normalizer

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_O200K_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_O200K_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"

PATTERNS: dict[str, str] = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # \z where the source has $: there it means the end of the text only.
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}*{_O200K_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_O200K_UPPER}+{_O200K_LOWER}*{_CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama3": _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
# What `Whitespace` of the library splits, with its classes spelled out: `\w` is ASCII in some readers, and `\s` not the
# same everywhere.
_WORD = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}"
WORDS_AND_SIGNS = rf"[{_WORD}]+|[^{_WORD}\p{{White_Space}}]+"
# They drop the white space between words, so a tokenizer on them cannot restore the text.
DROPPING = ("bert", "whitespace", "whitespace-split")
PRE_TOKENIZERS = (*PATTERNS, *DROPPING, "metaspace", "punctuation", "none")
REGEX_PREFIX = "regex:"
NORMALIZERS = ("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip-accents")
DIGITS = ("keep", "single", "triple")
METASPACE = "▁"


@dataclass(frozen=True, slots=True)
class TextPipeline:
    """A normalizer and a pre-tokenizer.

    Attributes:
        normalizers: Names of `NORMALIZERS`, applied in this order.
        pre_tokenizer: A name of `PRE_TOKENIZERS`, or "regex:" and a pattern whose matches are the pre-tokens.
        digits: "single" makes every digit a pre-token, "triple" groups of up to three; "keep" leaves it to the pattern.
    """

    normalizers: tuple[str, ...] = ()
    pre_tokenizer: str = "gpt2"
    digits: str = "keep"

    def __post_init__(self) -> None:
        for name in self.normalizers:
            _known(name, NORMALIZERS, "normalizer")
        if not self.pre_tokenizer.startswith(REGEX_PREFIX):
            _known(self.pre_tokenizer, PRE_TOKENIZERS, "pre-tokenizer")
        _known(self.digits, DIGITS, "value of --digits:")

    @property
    def keeps_text(self) -> bool:
        """True when the pre-tokens joined together are the text."""
        return not self.normalizers and self.pre_tokenizer not in (*DROPPING, "metaspace")

    @property
    def splits_at_spaces(self) -> bool:
        """True when a lone space between two visible characters always starts a pre-token, or lies between two.

        True for nearly every name: those patterns have no match that continues from a visible character over a space,
        and none looks further back. So equal stretches of normalized text between such spaces fall into equal
        pre-tokens. "punctuation" splits at no space at all, and a pattern of the user's own may match anything.
        """
        return self.pre_tokenizer not in ("none", "punctuation") and not self.pre_tokenizer.startswith(REGEX_PREFIX)

    def as_dict(self) -> PipelineRecord:
        """Entry of a manifest."""
        return {
            "normalizers": list(self.normalizers),
            "pre_tokenizer": self.pre_tokenizer,
            "digits": self.digits,
        }

    @classmethod
    def from_dict(cls, values: PipelineRecord, path: str | Path) -> TextPipeline:
        """Read an entry of a manifest.

        Args:
            values: The entry.
            path: The artifact, for messages.

        Raises:
            ArtifactError: a name is unknown, or a pattern cannot be read.
        """
        try:
            pipeline = cls(tuple(values["normalizers"]), values["pre_tokenizer"], values["digits"])
            if pipeline.pre_tokenizer.startswith(REGEX_PREFIX):
                pipeline.splitters()
        except UsageError as error:
            raise ArtifactError(f"{path}: {error.message}", hint="make the artifact again") from error
        return pipeline

    def normalizer(self) -> Normalizer | None:
        """The library's normalizer, or None when text is not changed."""
        from tokenizers import normalizers

        makers = {
            "nfc": normalizers.NFC, "nfd": normalizers.NFD, "nfkc": normalizers.NFKC, "nfkd": normalizers.NFKD,
            "lowercase": normalizers.Lowercase, "strip-accents": normalizers.StripAccents,
        }  # fmt: skip
        steps: list[Normalizer] = []
        for name in self.normalizers:
            # The library strips combining marks only, so characters are decomposed before.
            if name == "strip-accents" and not {"nfd", "nfkd"} & set(self.normalizers):
                steps.append(normalizers.NFD())
            steps.append(makers[name]())
        if not steps:
            return None
        return steps[0] if len(steps) == 1 else normalizers.Sequence(steps)

    def splitters(self) -> list[pre_tokenizers.PreTokenizer]:
        """The library's pre-tokenizers, in order, without a change of alphabet."""
        from tokenizers import Regex, pre_tokenizers

        steps: list[pre_tokenizers.PreTokenizer] = []
        if self.digits != "keep":
            pattern = r"\p{N}" if self.digits == "single" else r"\p{N}{1,3}"
            steps.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
        if self.pre_tokenizer.startswith(REGEX_PREFIX):
            steps.append(_custom_split(self.pre_tokenizer.removeprefix(REGEX_PREFIX)))
        elif self.pre_tokenizer in PATTERNS:
            steps.append(pre_tokenizers.Split(Regex(PATTERNS[self.pre_tokenizer]), "isolated"))
        elif self.pre_tokenizer != "none":
            steps.append(_library_splitter(self.pre_tokenizer))
        return steps

    def byte_level_splitters(self) -> list[pre_tokenizers.PreTokenizer]:
        """The library's pre-tokenizers, in order, and the change to the byte alphabet, which has GPT-2's pattern."""
        from tokenizers import pre_tokenizers

        splitters = self.splitters()
        if self.pre_tokenizer == "gpt2":
            return [*splitters[:-1], pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
        last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        # Without effect on ids; Qwen's files have it so.
        last.trim_offsets = self.pre_tokenizer != "qwen2"
        return [*splitters, last]


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """The parts of a text pipeline that the user named; None leaves one to the tokenizer family."""

    normalizers: tuple[str, ...] | None = None
    pre_tokenizer: str | None = None
    digits: str | None = None

    @classmethod
    def of(cls, pipeline: TextPipeline) -> PipelineOptions:
        """All parts of a pipeline."""
        return cls(pipeline.normalizers, pipeline.pre_tokenizer, pipeline.digits)

    def over(self, default: TextPipeline) -> TextPipeline:
        """The default with the named parts replaced."""
        named = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(default, **named)


def _known(name: str, names: tuple[str, ...], kind: str) -> None:
    if name not in names:
        raise UsageError(f"unknown {kind} '{name}'", hint=did_you_mean(name, list(names)))


def _custom_split(pattern: str) -> pre_tokenizers.PreTokenizer:
    from tokenizers import Regex, pre_tokenizers

    try:
        return pre_tokenizers.Split(Regex(pattern), "isolated")
    except Exception as error:  # the library raises a bare Exception
        raise UsageError(f"the pre-tokenizer's pattern cannot be read: {error}", hint="Oniguruma syntax") from error


def _library_splitter(name: str) -> pre_tokenizers.PreTokenizer:
    from tokenizers import Regex, pre_tokenizers

    if name == "metaspace":
        return pre_tokenizers.Metaspace(replacement=METASPACE, prepend_scheme="never")
    if name == "whitespace":
        return pre_tokenizers.Split(Regex(WORDS_AND_SIGNS), "removed", invert=True)
    makers = {
        "bert": pre_tokenizers.BertPreTokenizer,
        "whitespace-split": pre_tokenizers.WhitespaceSplit,
        "punctuation": pre_tokenizers.Punctuation,
    }
    return makers[name]()


def join_steps(steps: list[pre_tokenizers.PreTokenizer]) -> pre_tokenizers.PreTokenizer | None:
    """Join pre-tokenizers into one; None when there are none."""
    from tokenizers import pre_tokenizers

    if not steps:
        return None
    return steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)
