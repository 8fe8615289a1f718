"""`python -m tests.bench batch`: many short texts, encoded by tokit and by the `tokenizers` library."""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

WORDS_PER_TEXT = 6


def short_texts(path: Path, count: int) -> list[str]:
    """Texts of six words each, from a file that is repeated when it is too short."""
    words = itertools.cycle(path.read_text("utf-8").split())
    return [" ".join(itertools.islice(words, WORDS_PER_TEXT)) for _ in range(count)]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench batch", description="encode_batch beside the library's")
    made.add_argument("-t", "--tokenizer", type=Path, required=True, help="a folder with a tokenizer.json")
    made.add_argument("--corpus", type=Path, required=True, help="a text file")
    made.add_argument("--texts", type=int, default=1_000_000)
    made.add_argument("--rounds", type=int, default=5)
    return made


def main(arguments: list[str]) -> int:
    """Measure in turn, and print medians and the median of the ratios; 1 if an id differs."""
    from tokenizers import Tokenizer

    from tokit.tokenizer.load import load_tokenizer

    asked = parser().parse_args(arguments)
    texts = short_texts(asked.corpus, asked.texts)
    tokenizer, library = load_tokenizer(asked.tokenizer), Tokenizer.from_file(str(asked.tokenizer / "tokenizer.json"))
    library.encode_special_tokens = True
    same = tokenizer.encode_batch(texts) == [
        found.ids for found in library.encode_batch_fast(texts, add_special_tokens=False)
    ]
    rounds = [
        (
            seconds(lambda: tokenizer.encode_batch(texts)),
            seconds(lambda: library.encode_batch_fast(texts, add_special_tokens=False)),
        )
        for _ in range(asked.rounds)
    ]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = sorted(other / own for own, other in rounds)
    print(f"{len(texts):,} texts, {sum(map(len, texts)):,} characters, medians of {asked.rounds} rounds in turn")
    print(f"tokit {ours:.2f} s, tokenizers {theirs:.2f} s; ratio {statistics.median(ratios):.1f}", end=" ")
    print(f"({ratios[0]:.1f} to {ratios[-1]:.1f}); ids {'equal' if same else 'DIFFER'}")
    return int(not same)
