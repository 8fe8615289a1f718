"""tokenizers: the reference, whose results all others are held to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.bench.task import SPECIAL_TOKENS, Task, Work, read_lines, save_counts, save_ids, save_text

# A batch keeps an object with offsets for each text, so the corpus is not one batch.
LINES_AT_ONCE = 10_000


def load_tokenizer(task: Task) -> Any:
    """The tokenizer; special tokens in the text are text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(task.tokenizer_json)
    tokenizer.encode_special_tokens = True
    return tokenizer


def byte_level() -> Any:
    """GPT-2's pattern, in the implementation of its own."""
    from tokenizers.pre_tokenizers import ByteLevel

    return ByteLevel(add_prefix_space=False, use_regex=True)


class Encode(Work):
    """`encode_batch_fast` of the lines."""

    form = "ids"
    note = f"encode_batch_fast, {LINES_AT_ONCE:,} lines a batch"

    def __init__(self, task: Task) -> None:
        import numpy  # noqa: F401 - `run` needs it

        super().__init__(task)
        self.tokenizer = load_tokenizer(task)

    def run(self) -> Any:
        """See the base."""
        import numpy as np

        lines = read_lines(self.task.corpus)
        arrays: list[Any] = []
        for start in range(0, len(lines), LINES_AT_ONCE):
            batch = self.tokenizer.encode_batch_fast(lines[start : start + LINES_AT_ONCE], add_special_tokens=False)
            arrays.extend(np.array(encoding.ids, dtype=np.uint32) for encoding in batch)
        return np.concatenate(arrays)

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_ids(result, self.task, out)


class Train(Work):
    """`train_from_iterator` of the lines."""

    form = "tokenizer.json"
    note = "train_from_iterator of a list of lines"

    def __init__(self, task: Task) -> None:
        import tokenizers

        super().__init__(task)
        self.tokenizers = tokenizers

    def run(self) -> Any:
        """See the base."""
        alphabet = self.tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = self.tokenizers.trainers.BpeTrainer(
            vocab_size=self.task.vocab_size,
            special_tokens=SPECIAL_TOKENS,
            initial_alphabet=alphabet,
            show_progress=False,
        )
        tokenizer = self.tokenizers.Tokenizer(self.tokenizers.models.BPE())
        tokenizer.pre_tokenizer = byte_level()
        tokenizer.train_from_iterator(read_lines(self.task.corpus), trainer)
        return tokenizer

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        result.save(out)


class Count(Work):
    """`pre_tokenize_str` of each line, and a Counter."""

    form = "counts"
    note = "pre_tokenize_str of each line into a collections.Counter; on a part, start-up weighs more"
    partial = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.pre_tokenizer = byte_level()

    def run(self) -> Any:
        """See the base."""
        counter: Counter[str] = Counter()
        for line in read_lines(self.task.corpus):
            counter.update([word for word, _ in self.pre_tokenizer.pre_tokenize_str(line)])
        return counter

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        from tests.bench.answers import byte_of_letter

        byte_of = byte_of_letter()
        save_counts({bytes(byte_of[letter] for letter in word).decode("utf-8"): n for word, n in result.items()}, out)


class Decode(Work):
    """`decode_batch` of the documents."""

    form = "text"
    note = "decode_batch of a list of documents"

    def __init__(self, task: Task) -> None:
        import numpy  # noqa: F401 - `run` needs it

        super().__init__(task)
        self.tokenizer = load_tokenizer(task)

    def run(self) -> Any:
        """See the base."""
        import json
        from pathlib import Path

        import numpy as np

        folder = Path(self.task.shards)
        ids = np.fromfile(folder / "ids.bin", dtype=self.task.dtype)
        ends = np.load(folder / "ends.npy")
        starts = [0, *ends[:-1].tolist()]
        rows = [ids[start : end - 1].tolist() for start, end in zip(starts, ends.tolist(), strict=True)]
        texts = self.tokenizer.decode_batch(rows, skip_special_tokens=False)
        end = "" if json.loads((folder / "tokit.json").read_bytes())["open_end"] else "\n"
        return "\n".join(texts) + end

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_text(result, out)


WORKS: dict[str, type[Work]] = {"encode": Encode, "train": Train, "count": Count, "decode": Decode}
