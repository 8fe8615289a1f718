"""Task of a child process, and the base of every peer's work.

Children import this before anything is measured, so it imports no more than it must.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

JOBS = ("encode", "train", "count", "decode")
# As many as tokit's own, so that all trainers have the same number of ids left for merges.
SPECIAL_TOKENS = ["<|endoftext|>", "<|pad|>", "<|cls|>", "<|sep|>", "<|mask|>"]
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class Task(NamedTuple):
    """Settings shared by all peers.

    Attributes:
        job: A name out of `JOBS`.
        corpus: The text file.
        vocab_size: To train to, special tokens included.
        threads: Maximum number; None leaves it to the library.
        work: A folder for what a measurement writes beside its result.
        tokenizer: tokit's folder; empty when the job needs none.
        tokenizer_json: The same tokenizer with GPT-2's pattern under the name that every library knows.
        ranks: The same tokenizer as ranks, in tiktoken's format.
        pattern: Its pattern.
        special: Its special tokens and their ids.
        dtype: Of the ids on disk.
        newline: The id of a newline.
        shards: To decode; empty in the other jobs.
    """

    job: str
    corpus: str
    vocab_size: int
    threads: int | None
    work: str
    tokenizer: str = ""
    tokenizer_json: str = ""
    ranks: str = ""
    pattern: str = GPT2_PATTERN
    special: Mapping[str, int] = MappingProxyType({})
    dtype: str = "uint16"
    newline: int = 0
    shards: str = ""

    def save(self, path: Path) -> None:
        """Write it for a child."""
        path.write_text(json.dumps({**self._asdict(), "special": dict(self.special)}), encoding="utf-8")

    @classmethod
    def load(cls, path: str) -> Task:
        """Read what the parent wrote."""
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is one import more
            return cls(**json.load(file))


class Work:
    """One job of one library. Making it is start-up: its imports, and opening its tokenizer.

    Attributes:
        form: What `save` writes; a name out of `answers.READERS`.
        note: What is peculiar about this row, for the reader of the table.
        partial: Whether the library is too slow for the corpus and gets only its first part.
    """

    form: ClassVar[str]
    note: ClassVar[str] = ""
    partial: ClassVar[bool] = False

    def __init__(self, task: Task) -> None:
        self.task = task

    def run(self) -> Any:
        """From the file to the result in memory."""
        raise NotImplementedError

    def inside(self) -> None:
        """From the file to the written result: what is timed in process.

        Words and their counts stay in memory: no peer has a format for them.
        """
        if self.task.job == "count":
            self.run()
        else:
            self.whole(f"{self.task.work}/in-process-{self.task.job}-{type(self).__module__}")

    def save(self, result: Any, out: str) -> None:
        """Write the result, as whole processes do."""
        raise NotImplementedError

    def whole(self, out: str) -> None:
        """From the file to the written result."""
        self.save(self.run(), out)


def read_lines(path: str) -> list[str]:
    """The documents of a text file: its lines, without their ends."""
    with open(path, encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - see above
        return file.read().removesuffix("\n").split("\n")


def save_ids(ids: Any, task: Task, out: str) -> None:
    """Write an array of ids."""
    ids.astype(task.dtype).tofile(out)


def ids_to_decode(task: Task) -> Any:
    """The ids of the shards in one array, with newlines where documents end: one call decodes all of it."""
    import numpy as np

    ids = np.fromfile(f"{task.shards}/ids.bin", dtype=task.dtype)
    ends = np.load(f"{task.shards}/ends.npy")
    ids[ends - 1] = task.newline
    with open(f"{task.shards}/tokit.json", "rb") as file:  # noqa: PTH123 - see above
        open_end = json.load(file)["open_end"]
    return ids[: len(ids) - open_end]


def save_text(text: bytes | str, out: str) -> None:
    """Write decoded text."""
    with open(out, "wb") as file:  # noqa: PTH123 - see above
        file.write(text.encode("utf-8") if isinstance(text, str) else text)


def save_counts(counts: dict[str, int], out: str) -> None:
    """Write words and their counts."""
    with open(out, "w", encoding="utf-8") as file:  # noqa: PTH123 - see above
        json.dump(counts, file, ensure_ascii=False)
