"""The command line of the jobs in `JOBS`; the jobs in `OTHERS` have one of their own."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench import batch, bits, classify, embedding, fitting, foreign, killing, pretraining, senses, sts, wic
from tests.bench.peers import PEERS, installed, work_of
from tests.bench.process import ChildError
from tests.bench.report import document
from tests.bench.session import OURS, Options, Session
from tests.bench.table import print_table
from tests.bench.task import JOBS

WIDTH_OF_A_FILE = 170
# Jobs with a command line of their own.
OTHERS = {
    "fit": fitting.main,
    "kills": killing.main,
    "embed": embedding.main,
    "pretrain": pretraining.main,
    "bits": bits.main,
    "wic": wic.main,
    "senses": senses.main,
    "classify": classify.main,
    "sts": sts.main,
    "foreign": foreign.main,
    "batch": batch.main,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench", description="tokit beside other tokenizer libraries")
    made.add_argument("job", choices=JOBS, help=f"or {', '.join(OTHERS)}, with options of their own: see fit --help")
    made.add_argument("--corpus", type=Path, required=True, help="a text file; its lines are the documents")
    made.add_argument("--peers", help=f"names with commas, or all that are installed: {', '.join(PEERS)}")
    made.add_argument("--vocab-size", type=int, default=32_000)
    made.add_argument("--tokenizer", default="", metavar="FOLDER", help="else one is trained on the corpus")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--threads", type=int, help="maximum number; else each library's own choice")
    made.add_argument("--part-mb", type=float, default=2.0, help="megabytes of the corpus for slow peers")
    made.add_argument("--save", type=Path, metavar="FILE.json", help="all times, and the machine")
    return made


def chosen_peers(job: str, named: str | None) -> tuple[tuple[str, ...], list[str]]:
    """(peers to measure, tokit first; peers that are not installed).

    Raises:
        SystemExit: an unknown name.
    """
    names = [name.strip() for name in named.split(",")] if named else [name for name in PEERS if work_of(name, job)]
    if unknown := [name for name in names if name not in PEERS]:
        raise SystemExit(f"unknown peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    wanted = dict.fromkeys([OURS, *names])
    return tuple(name for name in wanted if installed(name)), [name for name in wanted if not installed(name)]


def main() -> int:
    """Measure, print, save; 1 when any row has an error."""
    if sys.argv[1:] and (other := OTHERS.get(sys.argv[1])):
        return other(sys.argv[2:])
    arguments = parser().parse_args()
    peers, left_out = chosen_peers(arguments.job, arguments.peers)
    options = Options(
        arguments.job,
        arguments.corpus.resolve(strict=True),
        peers,
        arguments.vocab_size,
        str(Path(arguments.tokenizer).resolve()) if arguments.tokenizer else "",
        arguments.rounds,
        arguments.threads,
        int(arguments.part_mb * 1e6),
    )
    with tempfile.TemporaryDirectory(prefix="tokit-bench-") as work:
        session = Session(options, Path(work), lambda text: print(text, file=sys.stderr, flush=True))
        try:
            session.measure()
        except ChildError as error:
            raise SystemExit(f"error: {error}") from error
        found = document(session, left_out)
    if arguments.save:
        arguments.save.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print_table(found, Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE))
    return int(any(row["error"] for row in found["rows"]))


if __name__ == "__main__":
    sys.exit(main())
