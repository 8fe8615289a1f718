"""bpeasy: a trainer in Rust."""

from __future__ import annotations

from typing import Any

from tests.bench.task import GPT2_PATTERN, SPECIAL_TOKENS, Task, Work, read_lines

# Its argument has no default; nothing in text is longer.
MAX_TOKEN_LENGTH = 128


class Train(Work):
    """`train_bpe` of the lines, to ranks."""

    form = "ranks"
    note = "breaks ties its own way; gives ranks, so the token that each merge makes is compared; tokens <= 128 bytes"

    def __init__(self, task: Task) -> None:
        import bpeasy

        super().__init__(task)
        self.bpeasy = bpeasy

    def run(self) -> Any:
        """See the base."""
        size = self.task.vocab_size - len(SPECIAL_TOKENS)
        return self.bpeasy.train_bpe(iter(read_lines(self.task.corpus)), GPT2_PATTERN, MAX_TOKEN_LENGTH, size)

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        self.bpeasy.save_vocab_to_tiktoken(result, out)


WORKS: dict[str, type[Work]] = {"train": Train}
