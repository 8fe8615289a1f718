"""gigatoken: Rust, whole files in one call.

It opens no tokenizer.json whose pattern stands in a Split, so it gets the copy that says ByteLevel.
"""

from __future__ import annotations

from typing import Any

from tests.bench.task import SPECIAL_TOKENS, Task, Work, ids_to_decode, save_counts, save_ids, save_text


class Encode(Work):
    """`encode_files` to an awkward array."""

    form = "ids"
    note = "encode_files, documents between newlines; special tokens in the text are tokens"

    def __init__(self, task: Task) -> None:
        from gigatoken import TextFileSource, Tokenizer

        super().__init__(task)
        self.tokenizer = Tokenizer(task.tokenizer_json)
        self.source = TextFileSource([task.corpus], separator="\n")

    def run(self) -> Any:
        """See the base."""
        return self.tokenizer.encode_files(self.source)

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_ids(result.layout.content.data, self.task, out)


class Train(Work):
    """`train_bpe` with the tie-breaking of tokenizers, its default; the pattern is GPT-2's, its only one."""

    form = "merges"
    note = "train_bpe, ties as in tokenizers (its default); its API writes no file, so the merges are written as hex"

    def __init__(self, task: Task) -> None:
        import gigatoken

        super().__init__(task)
        self.gigatoken = gigatoken

    def run(self) -> Any:
        """See the base."""
        source = self.gigatoken.TextFileSource([self.task.corpus], separator="\n")
        return self.gigatoken.train_bpe(source, self.task.vocab_size, SPECIAL_TOKENS)

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        with open(out, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is one import more
            file.writelines(f"{left.hex()} {right.hex()}\n" for left, right in result[1])


class Count(Work):
    """`pretokenized_counts`, which is not among its public names."""

    form = "counts"
    note = "gigatoken_rs.pretokenized_counts, GPT-2's pattern (its only one)"

    def __init__(self, task: Task) -> None:
        from gigatoken.gigatoken_rs import pretokenized_counts

        super().__init__(task)
        self.pretokenized_counts = pretokenized_counts

    def run(self) -> Any:
        """See the base."""
        with open(self.task.corpus, "rb") as file:  # noqa: PTH123 - see above
            return self.pretokenized_counts(file.read(), b"\n")

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_counts({word.decode("utf-8"): count for word, count in result}, out)


class Decode(Work):
    """`decode` of all documents in one call."""

    form = "text"
    note = "one decode of one array, newlines in place of end-of-text"

    def __init__(self, task: Task) -> None:
        from gigatoken import Tokenizer

        super().__init__(task)
        self.tokenizer = Tokenizer(task.tokenizer_json)

    def run(self) -> Any:
        """See the base."""
        return self.tokenizer.decode(ids_to_decode(self.task).astype("uint32"))

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_text(result, out)


WORKS: dict[str, type[Work]] = {"encode": Encode, "train": Train, "count": Count, "decode": Decode}
