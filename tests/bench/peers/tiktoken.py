"""tiktoken: encodes with ranks instead of merges."""

from __future__ import annotations

import os
from typing import Any

from tests.bench.task import Task, Work, ids_to_decode, read_lines, save_ids, save_text


def open_encoding(task: Task) -> Any:
    """The tokenizer out of a file of ranks, as tiktoken's own encodings are kept."""
    from tiktoken import Encoding
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(task.ranks)
    return Encoding("bench", pat_str=task.pattern, mergeable_ranks=ranks, special_tokens=dict(task.special))


class Encode(Work):
    """`encode_ordinary_batch` of the lines."""

    form = "ids"
    note = "encode_ordinary_batch of a list of lines, from a .tiktoken file"

    def __init__(self, task: Task) -> None:
        import numpy  # noqa: F401 - `run` needs it

        super().__init__(task)
        self.encoding = open_encoding(task)

    def run(self) -> Any:
        """See the base."""
        from itertools import chain

        import numpy as np

        threads = self.task.threads or os.cpu_count() or 1
        rows = self.encoding.encode_ordinary_batch(read_lines(self.task.corpus), num_threads=threads)
        return np.fromiter(chain.from_iterable(rows), dtype=np.uint32)

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_ids(result, self.task, out)


class Decode(Work):
    """`decode_bytes` of all documents in one call."""

    form = "text"
    note = "one decode_bytes, newlines in place of end-of-text"

    def __init__(self, task: Task) -> None:
        import numpy  # noqa: F401 - `run` needs it

        super().__init__(task)
        self.encoding = open_encoding(task)

    def run(self) -> Any:
        """See the base."""
        return self.encoding.decode_bytes(ids_to_decode(self.task).tolist())

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_text(result, out)


WORKS: dict[str, type[Work]] = {"encode": Encode, "decode": Decode}
