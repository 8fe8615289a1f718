"""The characters that represent bytes in byte-level vocabularies."""

from __future__ import annotations

from functools import cache


@cache
def byte_alphabet() -> tuple[str, ...]:
    """The character that represents each byte in byte-level vocabularies.

    Printable Latin-1 characters represent themselves, the other 68 bytes are the characters from U+0100 on.
    GPT-2, https://github.com/openai/gpt-2 (src/encoder.py, bytes_to_unicode)
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(0x100, 0x200))
    return tuple(chr(byte) if byte in printable else chr(next(moved)) for byte in range(256))


def to_byte_level(text: str) -> str:
    """A text in the byte alphabet: one character for each UTF-8 byte."""
    alphabet = byte_alphabet()
    return "".join([alphabet[byte] for byte in text.encode("utf-8")])
