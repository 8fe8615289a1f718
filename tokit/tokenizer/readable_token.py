"""A token as people read it: its text, and its bytes where they are no text alone."""

from __future__ import annotations

from tokit.arrays import REPLACEMENT
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.special_tokens import BYTE_TOKENS


def half_character(name: str, text: str) -> bytes:
    """The bytes of a token that are not UTF-8 alone, out of its name; empty when its text says all.

    Args:
        name: As the tokenizer's file writes it.
        text: What it contributes, with U+FFFD for what is not UTF-8.
    """
    if REPLACEMENT not in text:
        return b""
    if name in BYTE_TOKENS:
        return bytes([BYTE_TOKENS.index(name)])
    table = {sign: byte for byte, sign in enumerate(byte_alphabet())}
    # U+FFFD itself is no sign of the byte alphabet: a token of it, in plain letters, is left as it is.
    if any(sign not in table for sign in name):
        return b""
    raw = bytes([table[sign] for sign in name])
    return b"" if raw.decode("utf-8", errors="ignore") == text else raw


def message_text(name: str, text: str) -> str:
    """A token as a message shows it: its text, and bytes that are not UTF-8 alone as <0xE6>."""
    raw = half_character(name, text)
    return "".join(f"<0x{byte:02X}>" for byte in raw) if raw else text or name
