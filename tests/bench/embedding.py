"""`python -m tests.bench embed`: a vector a line, beside model2vec on the same folder.

Whole process against whole process: each reads the lines from a file and writes a .npy file;
the largest difference of their vectors is measured afterwards.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.process import ChildError, Ran, environment, run

MODEL2VEC = """
import sys
import numpy as np
from model2vec import StaticModel
folder, lines, out = sys.argv[1:]
with open(lines, encoding="utf-8", newline="\\n") as file:
    texts = file.read().split("\\n")[:-1]
np.save(out, StaticModel.from_pretrained(folder).encode(texts))
"""
# Vectors of a part of the lines at a time, as there may be a million.
DISTANCE = """
import sys
import numpy as np
ours, theirs = (np.load(name, mmap_mode="r") for name in sys.argv[1:])
assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
parts = range(0, len(ours), 1 << 16)
print(max(float(np.abs(ours[i : i + (1 << 16)] - theirs[i : i + (1 << 16)]).max()) for i in parts))
"""


def tokit(folder: Path, lines: Path, out: Path, threads: int | None) -> Ran:
    """The command."""
    command = [sys.executable, "-m", "tokit", "embed", str(lines), "-e", str(folder), "-o", f"{out}.npy", "--overwrite"]
    chosen = [] if threads is None else ["--threads", str(threads)]
    return run([*command, *chosen, "-q"], environment(threads), out)


def model2vec(folder: Path, lines: Path, out: Path, threads: int | None) -> Ran:
    """A script, as its users write it."""
    return run([sys.executable, "-c", MODEL2VEC, str(folder), str(lines), f"{out}.npy"], environment(threads), out)


PEERS: dict[str, Callable[[Path, Path, Path, int | None], Ran]] = {"tokit": tokit, "model2vec": model2vec}


def repeated(corpus: Path, out: Path, lines: int) -> int:
    """Write a number of lines, repeating the file where it has fewer, and return their size in bytes.

    Raises:
        SystemExit: the file has none.
    """
    texts = [line.strip() for line in corpus.read_text("utf-8").split("\n") if line.strip()]
    if not texts:
        raise SystemExit(f"error: {corpus} has no line with text")
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{text}\n" for text in islice(cycle(texts), lines))
    return out.stat().st_size


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench embed", description="tokit embed beside model2vec")
    made.add_argument("--corpus", type=Path, required=True, help="a text file; its lines are repeated")
    made.add_argument("-e", "--embedding", type=Path, required=True, help="an embedding folder of tokit fit")
    made.add_argument("--lines", type=int, default=1_000_000)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--threads", type=int, help="maximum number; else each library's own choice")
    return made


def measure(asked: argparse.Namespace, lines: Path, work: Path) -> dict[str, list[Ran]]:
    """Both in turn, round after round, after one of ours on few lines: kernels are compiled once on a machine."""
    folder = asked.embedding.resolve(strict=True)
    few = work / "few.txt"
    repeated(asked.corpus, few, 20_000)
    tokit(folder, few, work / "few", asked.threads)
    found: dict[str, list[Ran]] = {peer: [] for peer in PEERS}
    for number in range(asked.rounds):
        for peer, work_of in PEERS.items():
            print(f"round {number + 1} of {asked.rounds}: {peer}", file=sys.stderr, flush=True)
            found[peer].append(work_of(folder, lines, work / peer, asked.threads))
    return found


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when one of them failed."""
    asked = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tokit-bench-") as name:
        work = Path(name)
        lines = work / "lines.txt"
        size = repeated(asked.corpus, lines, asked.lines)
        try:
            found = measure(asked, lines, work)
            files = [f"{work / peer}.npy" for peer in PEERS]
            apart = float(run([sys.executable, "-c", DISTANCE, *files], environment(None), work / "apart").out)
        except ChildError as error:
            print(f"error: {error}")
            return 1
    table = Table(title=f"{asked.lines:,} lines, {size / 1e6:.0f} MB", title_justify="left")
    for head in ("peer", "median s", "lines/s", "time / tokit's", "peak MB"):
        table.add_column(head, justify="left" if head == "peer" else "right")
    for peer, runs in found.items():
        seconds, peak = (statistics.median(getattr(each, what) for each in runs) for what in ("seconds", "peak"))
        ratio = statistics.median(a.seconds / b.seconds for a, b in zip(runs, found["tokit"], strict=True))
        table.add_row(peer, f"{seconds:.2f}", f"{asked.lines / seconds:,.0f}", f"{ratio:.2f}", f"{peak / 1e6:.0f}")
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    console.print(f"largest difference of a number: {apart:.3g}")
    return 0
