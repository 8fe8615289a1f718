"""tokit itself. Its whole process is its command line; in process it is the operation behind the command."""

from __future__ import annotations

import sys
from typing import Any

from tests.bench.task import Task, Work

# tokit compiles only when a job is large enough to pay for it, so the bench has it compile all kernels beforehand.
# For a text that is too small to load them for, it says nothing.
COMPILE = """
import sys
from tokit.kernels.compiled.loader import ENTRIES, WORTH_LOADING, kernel
if int(sys.argv[1]) >= WORTH_LOADING:
    print(*map(kernel, ENTRIES))
"""


class Tokit(Work):
    """Base of tokit's jobs: the command line, and results written to disk in process too."""

    def __init__(self, task: Task) -> None:
        from tokit.runtime.threads import set_threads

        super().__init__(task)
        set_threads(task.threads)
        self.out = f"{task.work}/in-process-{task.job}"

    @staticmethod
    def arguments(task: Task, out: str) -> list[str]:
        """The command line behind `tokit`."""
        raise NotImplementedError

    def inside(self) -> None:
        """See the base; `run` writes."""
        self.run()

    @classmethod
    def command(cls, task: Task, out: str) -> list[str]:
        """The command of the whole process."""
        threads = [] if task.threads is None else ["--threads", str(task.threads)]
        return [sys.executable, "-m", "tokit", task.job, *cls.arguments(task, out), *threads]


class Encode(Tokit):
    """`tokit encode -o`: shards, with an end-of-text after each document."""

    form = "shards"
    note = "writes an end-of-text after each document (left out of the comparison)"

    def __init__(self, task: Task) -> None:
        import tokit
        import tokit.ops.encode

        super().__init__(task)
        self.tokenizer = tokit.load_tokenizer(task.tokenizer)

    @staticmethod
    def arguments(task: Task, out: str) -> list[str]:
        """See the base."""
        return [task.corpus, "-t", task.tokenizer, "-o", out, "-q", "--overwrite"]

    def run(self) -> Any:
        """See the base."""
        from tokit import open_corpus
        from tokit.ops.encode_shards import encode_shards

        return encode_shards(open_corpus([self.task.corpus]), self.tokenizer, self.out, overwrite=True)


class Train(Tokit):
    """`tokit train bpe`."""

    form = "tokenizer.json"

    def __init__(self, task: Task) -> None:
        import tokit.ops.train  # noqa: F401 - start-up is importing it

        super().__init__(task)

    @staticmethod
    def arguments(task: Task, out: str) -> list[str]:
        """See the base."""
        return ["bpe", task.corpus, "-v", str(task.vocab_size), "-o", out, "-q", "--overwrite"]

    def run(self) -> Any:
        """See the base."""
        from tokit import open_corpus
        from tokit.ops.train import train_tokenizer

        corpus = open_corpus([self.task.corpus])
        return train_tokenizer(corpus, self.out, family="bpe", vocab_sizes=[self.task.vocab_size], overwrite=True)


class Count(Tokit):
    """`tokit count`."""

    form = "counts folder"

    def __init__(self, task: Task) -> None:
        import tokit.ops.count  # noqa: F401 - start-up is importing it

        super().__init__(task)

    @staticmethod
    def arguments(task: Task, out: str) -> list[str]:
        """See the base."""
        return [task.corpus, "-o", out, "-q", "--overwrite"]

    def run(self) -> Any:
        """See the base."""
        from tokit import open_corpus
        from tokit.counts.count_corpus import count_corpus
        from tokit.text.pipeline import TextPipeline

        return count_corpus(open_corpus([self.task.corpus]), TextPipeline())


class Decode(Tokit):
    """`tokit decode SHARDS`, document by document, with newlines between them."""

    form = "text"

    def __init__(self, task: Task) -> None:
        import tokit
        import tokit.ops.decode

        super().__init__(task)
        self.tokenizer = tokit.load_tokenizer(f"{task.shards}/tokenizer")

    @staticmethod
    def arguments(task: Task, out: str) -> list[str]:
        """See the base; the text goes to standard output."""
        return [task.shards]

    def run(self) -> Any:
        """See the base."""
        from tokit.ops.decode import decode_shards

        with open(self.out, "wb") as sink:  # noqa: PTH123 - pathlib is one import more
            decode_shards(self.task.shards, sink, tokenizer=self.tokenizer)


WORKS: dict[str, type[Work]] = {"encode": Encode, "train": Train, "count": Count, "decode": Decode}
