"""Counting without a library: matches of the pattern by `regex` in a collections.Counter."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.bench.task import GPT2_PATTERN, Task, Work, read_lines, save_counts


class Count(Work):
    """`findall` in each line, and a Counter."""

    form = "counts"
    note = "collections.Counter of regex.findall of each line; on a part, start-up weighs more"
    partial = True

    def __init__(self, task: Task) -> None:
        import regex

        super().__init__(task)
        self.pattern = regex.compile(GPT2_PATTERN)

    def run(self) -> Any:
        """See the base."""
        counter: Counter[str] = Counter()
        for line in read_lines(self.task.corpus):
            counter.update(self.pattern.findall(line))
        return counter

    def save(self, result: Any, out: str) -> None:
        """See the base."""
        save_counts(result, out)


WORKS: dict[str, type[Work]] = {"count": Count}
