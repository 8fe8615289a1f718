"""Text in UTF-16 and UTF-32, which is not read: certain by a mark or by zeros, else a guess for a hint."""

from __future__ import annotations

import codecs

# Bytes that are looked at.
SAMPLE = 1 << 10
# Fewer bytes say nothing.
SHORTEST = 8
# Marks of UTF-16 and UTF-32; those of 32 first, as they begin with the same bytes.
MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip
# Code points of the scripts of China, Japan and Korea, whose text in 16 bits has few zeros or none.
EASTERN = ((0x2E80, 0x9FFF), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF))
# Bytes that text in an encoding of 8 bits, or of 8 and more, does not hold.
CONTROLS = bytes(byte for byte in range(1, 32) if byte not in b"\t\n\f\r\x1b")


def wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, by a mark or by the zeros of an alphabet; "" for neither."""
    sample = head[:SAMPLE]
    for mark, encoding in MARKS:
        # Bytes that are not UTF-8 may begin so, too; but text of 16 bits has zeros.
        if head.startswith(mark) and b"\0" in sample[len(mark) :]:
            return encoding
    if len(sample) < SHORTEST:
        return ""
    for encoding in ("UTF-32LE", "UTF-32BE"):
        if _is_utf32(sample, encoding):
            return encoding
    even, odd = sample[::2], sample[1::2]
    return "UTF-16LE" if _are_halves(even, odd) else "UTF-16BE" if _are_halves(odd, even) else ""


def guessed_encoding(head: bytes) -> str:
    """UTF-16 of an eastern script, by its code points; "" where nothing speaks for it."""
    sample = head[:SAMPLE]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) > 2:
        marked = "UTF-16LE" if head.startswith(b"\xff\xfe") else "UTF-16BE"
        return "UTF-16" if _eastern_share(sample[2:], marked) >= 0.8 else ""
    if not any(byte in CONTROLS for byte in sample):
        return ""
    shares = {encoding: _eastern_share(sample, encoding) for encoding in ("UTF-16LE", "UTF-16BE")}
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= 0.8 else ""


def _eastern_share(sample: bytes, encoding: str) -> float:
    """Share of eastern characters and ASCII in a sample; 0 where it has none, or is not of the encoding."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0.0
    eastern = sum(any(low <= ord(char) <= high for low, high in EASTERN) for char in text)
    plain = sum(" " <= char <= "~" or char in "\t\r\n" for char in text)
    return (eastern + plain) / len(text) if eastern else 0.0


def _is_utf32(sample: bytes, encoding: str) -> bool:
    """True for characters of four bytes without a NUL: in other text the zeros do not lie so."""
    try:
        return "\0" not in sample[: len(sample) // 4 * 4].decode(encoding)
    except UnicodeDecodeError:
        return False


def _are_halves(low: bytes, high: bytes) -> bool:
    """True where every second byte is the upper half of a letter of an alphabet: below U+2000, and 0 in its spaces."""
    small = sum(byte < 0x20 for byte in high)
    return b"\0" in high and 10 * low.count(0) <= len(low) and 10 * small >= 9 * len(high)
