"""Results of peers, read and compared: `python -m tests.bench.answers QUESTIONS.json`.

A process of its own, so that the bench itself stays small: Linux counts a parent's memory as its child's least.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.bench.task import Task


class Difference(NamedTuple):
    """Difference of two results.

    Attributes:
        differing: So many items are not the same, in place.
        of: So many were compared.
        item: What they are: tokens, merges, words or lines.
        beyond: So many items more are in the other's list, or fewer; they are not compared. Of tokens: those of
            theirs that ours lacks.
        absent: Merges that the other list has nowhere; one merge more or less moves all that follow.
    """

    differing: int
    of: int
    item: str
    beyond: int = 0
    absent: int | None = None


def letter_of_byte() -> dict[int, str]:
    """GPT-2's alphabet, in which each byte is a letter that can be seen."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}


def byte_of_letter() -> dict[str, int]:
    """The way back."""
    return {letter: byte for byte, letter in letter_of_byte().items()}


def read_ids(path: Path, task: Task) -> Any:
    """Ids in one array."""
    return np.fromfile(path, dtype=task.dtype)


def read_shards(path: Path, task: Task) -> Any:
    """The ids of tokit's shards, without the ends of text."""
    ids = np.fromfile(path / "ids.bin", dtype=task.dtype)
    return np.delete(ids, np.load(path / "ends.npy") - 1)


def read_tokenizer_json(path: Path, _task: Task) -> list[str]:
    """Merges, two pieces in letters with a space between them."""
    file = path / "tokenizer.json" if path.is_dir() else path
    merges = json.loads(file.read_bytes())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]


def read_merges(path: Path, _task: Task) -> list[str]:
    """Merges as hex, to the same."""
    letters = letter_of_byte()
    pairs = [map(bytes.fromhex, line.split()) for line in path.read_text("ascii").splitlines()]
    return [" ".join("".join(letters[byte] for byte in piece) for piece in pair) for pair in pairs]


def read_ranks(path: Path, _task: Task) -> list[str]:
    """The tokens that merges make, in letters; which two pieces make them is not in the file."""
    letters = letter_of_byte()
    tokens = [b64decode(line.split()[0]) for line in path.read_bytes().splitlines()]
    return ["".join(letters[byte] for byte in token) for token in tokens if len(token) > 1]


def read_counts(path: Path, _task: Task) -> dict[str, int]:
    """Words and their counts."""
    counts: dict[str, int] = json.loads(path.read_bytes())
    return counts


def read_counts_folder(path: Path, _task: Task) -> dict[str, int]:
    """The same from tokit's folder."""
    data, ends = (path / "words.bin").read_bytes(), np.load(path / "ends.npy").tolist()
    words = [data[start:end].decode("utf-8") for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return dict(zip(words, np.load(path / "counts.npy").tolist(), strict=True))


def read_text(path: Path, _task: Task) -> list[bytes]:
    """Lines."""
    return path.read_bytes().split(b"\n")


READERS: dict[str, Callable[[Path, Task], Any]] = {
    "ids": read_ids,
    "shards": read_shards,
    "tokenizer.json": read_tokenizer_json,
    "merges": read_merges,
    "ranks": read_ranks,
    "counts": read_counts,
    "counts folder": read_counts_folder,
    "text": read_text,
}


def compare_ids(ours: Any, theirs: Any, task: Task) -> Difference:
    """Tokens that only one of them has: the same id at the same byte of the text is the same token."""
    if len(ours) == len(theirs):
        return Difference(int((ours != theirs).sum()), len(ours), "tokens")
    vocab = json.loads(Path(task.tokenizer_json).read_bytes())["model"]["vocab"]
    sizes = np.zeros(max(vocab.values()) + 1, dtype=np.int64)
    sizes[list(vocab.values())] = [len(piece) for piece in vocab]
    mine, other = (np.cumsum(sizes[ids]) * len(sizes) + ids for ids in (ours, theirs))
    only_mine, only_other = int((~np.isin(mine, other)).sum()), int((~np.isin(other, mine)).sum())
    return Difference(only_mine, len(ours), "tokens", only_other)


def compare_merges(ours: list[str], theirs: list[str], _task: Task) -> Difference:
    """Places, up to the shorter list's end, at which another merge stands; `beyond` is what theirs has more."""
    if not all(" " in merge for merge in (*ours[:1], *theirs[:1])):
        # One of them knows only what a merge makes.
        ours, theirs = ([merge.replace(" ", "") for merge in merges] for merges in (ours, theirs))
    pairs = list(zip(ours, theirs, strict=False))
    differing = sum(one != other for one, other in pairs)
    absent = len({one for one, _ in pairs} - set(theirs))
    return Difference(differing, len(pairs), "merges", len(theirs) - len(ours), absent)


def compare_counts(ours: dict[str, int], theirs: dict[str, int], _task: Task) -> Difference:
    """Words that are not counted alike."""
    words = ours.keys() | theirs.keys()
    return Difference(sum(ours.get(word) != theirs.get(word) for word in words), len(words), "words")


def compare_lines(ours: list[bytes], theirs: list[bytes], _task: Task) -> Difference:
    """Lines that are not the same; a line too few or too many differs."""
    differing = sum(one != other for one, other in zip(ours, theirs, strict=False)) + abs(len(ours) - len(theirs))
    return Difference(differing, max(len(ours), len(theirs)), "lines")


COMPARISONS: dict[str, Callable[[Any, Any, Task], Difference]] = {
    "encode": compare_ids,
    "train": compare_merges,
    "count": compare_counts,
    "decode": compare_lines,
}


def compared(question: dict[str, Any]) -> dict[str, Any]:
    """One comparison: {"task", "ours": {"form", "path"}, "theirs": the same} → a `Difference`, or an error."""
    task = Task.load(question["task"])
    try:
        ours, theirs = (
            READERS[side["form"]](Path(side["path"]), task) for side in (question["ours"], question["theirs"])
        )
        return COMPARISONS[task.job](ours, theirs, task)._asdict()
    except (OSError, ValueError, LookupError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    print(json.dumps([compared(question) for question in json.loads(Path(sys.argv[1]).read_bytes())]))
