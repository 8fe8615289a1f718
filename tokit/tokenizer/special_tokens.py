"""Special tokens: their roles and texts, and the guard that keeps such text in a corpus ordinary text.

By default they are the first ids, in this order, so that any tokenizer can serve any model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import pre_tokenizers

DEFAULT_ROLES = ("endoftext", "pad", "cls", "sep", "mask")
UNKNOWN = "unk"
# The byte tokens of a byte fallback, as SentencePiece and the `tokenizers` library write them.
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))

# transformers' names of each role; the end-of-text token is also the beginning-of-text token, as in GPT-2, where there
# is no other.
TRANSFORMERS_ROLES = {
    "endoftext": ("eos_token", "bos_token"),
    "bos": ("bos_token",),
    "pad": ("pad_token",),
    "cls": ("cls_token",),
    "sep": ("sep_token",),
    "mask": ("mask_token",),
    UNKNOWN: ("unk_token",),
}
# Texts that known models use for a role, the least ambiguous first.
KNOWN_TEXTS = {
    "bos": ("<|begin_of_text|>", "<|startoftext|>", "<bos>", "<s>"),
    "endoftext": ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]"),
    "pad": ("<|pad|>", "<pad>", "[PAD]"),
    "cls": ("<|cls|>", "[CLS]"),
    "sep": ("<|sep|>", "[SEP]"),
    "mask": ("<|mask|>", "[MASK]", "<mask>"),
    UNKNOWN: ("<|unk|>", "<unk>", "[UNK]"),
}


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Role → text, in the order of their ids."""

    by_role: dict[str, str]

    @property
    def texts(self) -> list[str]:
        """The texts, in the order of their ids."""
        return list(self.by_role.values())

    def ids(self) -> dict[str, int]:
        """Role → id; the special tokens are the first ids."""
        return {role: i for i, role in enumerate(self.by_role)}

    @property
    def unknown(self) -> str:
        """The text of the unknown token; the caller's family has one."""
        return self.by_role[UNKNOWN]

    def with_unknown(self) -> SpecialTokens:
        """These with the unknown token, after the default roles and before the user's own."""
        if UNKNOWN in self.by_role:
            return self
        front = {role: text for role, text in self.by_role.items() if role in DEFAULT_ROLES}
        return SpecialTokens(front | {UNKNOWN: f"<|{UNKNOWN}|>"} | self.by_role)

    @classmethod
    def parse(cls, settings: Sequence[str] = ()) -> SpecialTokens:
        """The default tokens changed by `role=text` settings: a known role is renamed, a new one added.

        Raises:
            UsageError: a setting without "=", a text of one character or of a piece's form, a text for two roles.
        """
        roles = {role: f"<|{role}|>" for role in DEFAULT_ROLES} | parse_roles(settings)
        texts = list(roles.values())
        for text in texts:
            if texts.count(text) > 1:
                raise UsageError(f"special token '{text}' has two roles", hint="give each role a text of its own")
        return cls(roles)


def parse_roles(settings: Sequence[str]) -> dict[str, str]:
    """Role → text of `role=text` settings.

    Raises:
        UsageError: a setting without "=", a text of one character or of a piece's form.
    """
    return dict(map(_role_and_text, settings))


def _role_and_text(setting: str) -> tuple[str, str]:
    role, equals, text = setting.partition("=")
    where = f"--special-token {setting}"
    if not equals or not role:
        raise UsageError(f"{where}: not role=text", hint="--special-token 'pad=[PAD]'")
    if any("\ud800" <= character <= "\udfff" for character in setting):
        raise UsageError("--special-token: the text is not UTF-8", hint="use ASCII: <|pad|>")
    # A single character is in every alphabet, so the token could not be distinguished from text.
    if len(text) < 2:
        raise UsageError(f"{where}: the text is too short", hint="use two characters or more")
    if looks_like_a_piece(text):
        raise UsageError(f"{where}: a vocabulary writes text like this", hint="use ASCII: <|pad|>")
    return role, text


def looks_like_a_piece(text: str) -> bool:
    """True if a vocabulary may write ordinary text this way: `<0x41>`, `##ing`, `Ġthe` for " the"."""
    from tokit.tokenizer.byte_alphabet import byte_alphabet

    byte_level = not text.isascii() and set(text).issubset(byte_alphabet())
    return text in BYTE_TOKENS or text.startswith("##") or byte_level


def guard(
    splitters: Sequence[pre_tokenizers.PreTokenizer], texts: Sequence[str], *, byte_tokens: bool = False
) -> pre_tokenizers.PreTokenizer | None:
    """A pre-tokenizer that splits the text of special tokens where a model could otherwise give the token's id.

    It splits after the first character of such a text. Most patterns split `<|pad|>` anyway; then there is no guard.

    Args:
        splitters: The pre-tokenizers that run before the model.
        texts: Texts of the special tokens.
        byte_tokens: The vocabulary holds byte tokens such as `<0x41>`.
    """
    from tokenizers import Regex, pre_tokenizers

    endangered = [text for text in texts if _survives(splitters, text)]
    alternatives = [_guard_pattern(text) for text in endangered]
    if byte_tokens and _survives(splitters, BYTE_TOKENS[0x41]):
        alternatives.append("<(?=0x[0-9A-F]{2}>)")
    if not alternatives:
        return None
    return pre_tokenizers.Split(Regex("|".join(alternatives)), "isolated")


def guarded_texts(pattern: str, texts: Sequence[str]) -> list[str] | None:
    """The texts that a guard with this pattern splits; None unless it is a guard of some of these texts alone."""
    guarded = [text for text in texts if len(text) > 1 and _guard_pattern(text) in pattern]
    return guarded if guarded and "|".join(map(_guard_pattern, guarded)) == pattern else None


def _guard_pattern(text: str) -> str:
    """A pattern that matches the first character of a text where the rest follows."""
    return f"{re.escape(text[0])}(?={re.escape(text[1:])})"


def _survives(splitters: Sequence[pre_tokenizers.PreTokenizer], text: str) -> bool:
    """True if pre-tokenization leaves a text whole in some context."""
    from tokit.text.pipeline import join_steps

    splitter = join_steps(list(splitters))
    if splitter is None:
        return True
    contexts = (text, f" {text} ", f"a{text}a", f".{text}.")
    return any(text in piece for context in contexts for piece, _ in splitter.pre_tokenize_str(context))
