"""gigabpe: a trainer in Rust that gives the merges of tokenizers."""

from __future__ import annotations

from tests.bench.task import SPECIAL_TOKENS, Task, Work


class Train(Work):
    """`train_tokenizer`, which writes its file itself."""

    form = "tokenizer.json"
    note = (
        "a newline is part of its line, as in tokenizers.train of files; only bytes that occur take an id, "
        "so it makes more merges than the others"
    )

    def __init__(self, task: Task) -> None:
        import gigabpe

        super().__init__(task)
        self.gigabpe = gigabpe
        self.options = {
            "vocab_size": task.vocab_size,
            "special_tokens": SPECIAL_TOKENS,
            "pretokenizer": "bytelevel",
            "threads": task.threads,
        }

    def whole(self, out: str) -> None:
        """See the base."""
        self.gigabpe.train_tokenizer([self.task.corpus], output=out, **self.options)


WORKS: dict[str, type[Work]] = {"train": Train}
