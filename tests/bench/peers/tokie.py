"""tokie: Rust, whole files in one call.

On a tokenizer.json whose pattern stands in a Split, tokie 0.1.4 gives other ids; on the copy that says ByteLevel it
does not, and that is what it gets.
"""

from __future__ import annotations

from typing import Any

from tests.bench.task import Task, Work, ids_to_decode, save_ids, save_text


class Encode(Work):
    """`encode_files` to one array."""

    form = "ids"
    note = "encode_files, documents between newlines; special tokens in the text are tokens"

    def __init__(self, task: Task) -> None:
        from tokie import Tokenizer

        super().__init__(task)
        self.tokenizer = Tokenizer.from_json(task.tokenizer_json)

    def run(self) -> Any:
        """See the base."""
        return self.tokenizer.encode_files([self.task.corpus], separator=b"\n")

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_ids(result[0], self.task, out)


class Decode(Work):
    """`decode_bytes` of all documents in one call."""

    form = "text"
    note = "one decode_bytes, newlines in place of end-of-text"

    def __init__(self, task: Task) -> None:
        from tokie import Tokenizer

        super().__init__(task)
        self.tokenizer = Tokenizer.from_json(task.tokenizer_json)

    def run(self) -> Any:
        """See the base."""
        return self.tokenizer.decode_bytes(ids_to_decode(self.task).tolist())

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_text(result, out)


WORKS: dict[str, type[Work]] = {"encode": Encode, "decode": Decode}
