"""snaptokens: Rust, lists of texts in, flat arrays out."""

from __future__ import annotations

from typing import Any

from tests.bench.task import Task, Work, ids_to_decode, read_lines, save_ids, save_text


class Encode(Work):
    """`encode_batch_flat` of the lines."""

    form = "ids"
    note = "encode_batch_flat of a list of lines; special tokens in the text are tokens"

    def __init__(self, task: Task) -> None:
        import numpy  # noqa: F401 - `run` needs it
        from snaptokens import Tokenizer

        super().__init__(task)
        self.tokenizer = Tokenizer.from_file(task.tokenizer_json)

    def run(self) -> Any:
        """See the base."""
        import numpy as np

        ids, _ = self.tokenizer.encode_batch_flat(read_lines(self.task.corpus))
        return np.frombuffer(ids, dtype=np.uint32)

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_ids(result, self.task, out)


class Decode(Work):
    """`decode` of all documents in one call."""

    form = "text"
    note = "one decode, newlines in place of end-of-text"

    def __init__(self, task: Task) -> None:
        import numpy  # noqa: F401 - `run` needs it
        from snaptokens import Tokenizer

        super().__init__(task)
        self.tokenizer = Tokenizer.from_file(task.tokenizer_json)

    def run(self) -> Any:
        """See the base."""
        return self.tokenizer.decode(ids_to_decode(self.task).tolist())

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_text(result, out)


WORKS: dict[str, type[Work]] = {"encode": Encode, "decode": Decode}
