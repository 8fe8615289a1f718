"""rustbpe: the trainer of nanochat."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.bench.task import GPT2_PATTERN, SPECIAL_TOKENS, Task, Work, read_lines


class Train(Work):
    """`train_from_iterator` of the lines, to ranks."""

    form = "ranks"
    note = "breaks ties its own way; gives ranks, so the token that each merge makes is compared; writes .tiktoken"

    def __init__(self, task: Task) -> None:
        import rustbpe

        super().__init__(task)
        self.rustbpe = rustbpe

    def run(self) -> Any:
        """See the base."""
        tokenizer = self.rustbpe.Tokenizer()
        size = self.task.vocab_size - len(SPECIAL_TOKENS)
        tokenizer.train_from_iterator(iter(read_lines(self.task.corpus)), vocab_size=size, pattern=GPT2_PATTERN)
        return tokenizer.get_mergeable_ranks()

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        with open(out, "wb") as file:  # noqa: PTH123 - pathlib is one import more
            file.writelines(b"%s %d\n" % (b64encode(bytes(token)), rank) for token, rank in result)


WORKS: dict[str, type[Work]] = {"train": Train}
