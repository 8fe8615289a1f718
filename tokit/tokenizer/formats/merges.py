"""Merges of BPE as lines of text, the form before pairs: a space between left and right."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

from tokit.errors import ArtifactError


def split_merges(lines: Sequence[str], vocab: Container[str], path: Path) -> list[tuple[str, str]]:
    """(left, right) of each line; where a token holds a space, the vocabulary says which space is between them.

    Raises:
        ArtifactError: a line cannot be split, or in more than one way.
    """
    return [_split(line, vocab, path) for line in lines]


def _split(line: str, vocab: Container[str], path: Path) -> tuple[str, str]:
    if line.count(" ") == 1:
        left, _, right = line.partition(" ")
        return left, right
    cuts = [i for i, sign in enumerate(line) if sign == " "]
    pairs = [(line[:i], line[i + 1 :]) for i in cuts]
    known = [(left, right) for left, right in pairs if left in vocab and right in vocab and left + right in vocab]
    if len(known) != 1:
        raise ArtifactError(
            f"{path}: the merge '{line}' can be split in {len(known)} ways",
            hint="save it again with tokenizers 0.20 or later, which writes merges as pairs"
            if known
            else "fetch its files again",
        )
    return known[0]
