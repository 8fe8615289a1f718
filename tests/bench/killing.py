"""`python -m tests.bench kills`: trainings killed at random moments, whose results must equal those of one not killed.

A run is killed with SIGKILL, all its processes at once, at a moment drawn from the time that a whole run takes:
start-up, encoding, training, checkpoints and saving are all hit. The same command with --resume continues, is
killed again or not, and the folder that it ends with is compared file by file.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.process import ROOT, environment

STATIC = ("skipgram", "cbow", "fasttext", "glove")
# Language models; one that is so small that most of a run is start-up and checkpoints.
LANGUAGE_MODELS = ("bert", "modernbert", "llama", "lstm")
TINY = {
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "context_length": 32,
    "batch_size": 8,
    "dropout": 0.1,
    "evaluations": 3,
}
TOKENS_OF_A_STEP = TINY["context_length"] * TINY["batch_size"]
# Checkpoints of a run.
CHECKPOINTS = 20
LAST_WORDS = 300
# Where a kill may hit, by what lies beside the target.
SAVING, WRITING, TRAINING, EARLY = (
    "the folder was being saved", "a checkpoint was being written", "there was a checkpoint", "there was none yet",
)  # fmt: skip


class NotTheSameError(Exception):
    """A run went wrong, or left other bytes."""


@dataclass(frozen=True, slots=True)
class Job:
    """The command that is killed; `epochs` are steps of a language model."""

    family: str
    corpus: str
    tokenizer: Path
    epochs: int
    dim: int
    every: int
    work: Path

    def command(self, out: Path) -> list[str]:
        """It may be given again and again, until the folder is there."""
        return [
            sys.executable, "-m", "tokit", "fit", self.family, self.corpus, "-t", str(self.tokenizer), "-o", str(out),
            "-q", "--checkpoint-every", str(self.every), "--resume", *self._settings(),
        ]  # fmt: skip

    def _settings(self) -> list[str]:
        if self.family in STATIC:
            return ["-d", str(self.dim), "--epochs", str(self.epochs), "--deterministic"]
        settings = {**TINY, "max_steps": self.epochs}
        chosen = [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        return ["--size", "tiny", "--threads", "1", *chosen]


@dataclass(slots=True)
class Tally:
    """Counts: kills by the phase that they hit, and runs that were killed and then finished."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0

    @property
    def killed(self) -> int:
        """All kills."""
        return sum(self.kills.values())


def run_for(command: list[str], seconds: float | None, said: Path) -> bool:
    """Run a command, and kill all of its group after so many seconds; whether it came to its end.

    Raises:
        NotTheSameError: it failed.
    """
    with said.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment(None), cwd=ROOT,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    if code == -signal.SIGKILL:
        return False
    if code:
        raise NotTheSameError(f"ended with {code}: {said.read_text('utf-8', 'replace')[-LAST_WORDS:]}")
    return True


def where(out: Path) -> str:
    """The phase that a kill hit."""
    if any(out.parent.glob(f".{out.name}.tmp-*")):
        return SAVING
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    if checkpoint.with_name(f"{checkpoint.name}.new").exists():
        return WRITING
    return TRAINING if checkpoint.exists() else EARLY


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def kill_runs(job: Job, kills: int, draw: random.Random) -> Tally:
    """Kill and resume until there were so many kills.

    Raises:
        NotTheSameError: something else came out than without kills.
    """
    said = job.work / "said"
    whole = job.work / "whole"
    # The first run may compile kernels, so it is not the one that is timed.
    run_for(job.command(whole), None, said)
    right = digests(whole)
    shutil.rmtree(whole)
    started = time.perf_counter()
    run_for(job.command(whole), None, said)
    longest = time.perf_counter() - started
    if digests(whole) != right:
        raise NotTheSameError("two runs that nobody killed differ")
    tally = Tally()
    while tally.killed < kills:
        _kill_one_run(job, kills, longest, right, draw, tally)
        print(f"{job.family}: {tally.killed} of {kills} kills", file=sys.stderr, flush=True)
    return tally


def _kill_one_run(
    job: Job, kills: int, longest: float, right: dict[str, str], draw: random.Random, tally: Tally
) -> None:
    out = job.work / "killed" / "emb"
    out.parent.mkdir()
    before = tally.killed
    while not out.exists():
        limit = draw.uniform(0, longest) if tally.killed < kills else None
        if not run_for(job.command(out), limit, job.work / "said"):
            # A checkpoint outlives the folder by a moment.
            tally.kills[SAVING if out.exists() else where(out)] += 1
    if digests(out) != right:
        changed = sorted(name for name, digest in digests(out).items() if right.get(name) != digest)
        raise NotTheSameError(f"after {tally.killed - before} kills other bytes in {', '.join(changed)}")
    tally.runs += tally.killed > before
    shutil.rmtree(out.parent)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench kills", description="kill trainings, and resume them")
    made.add_argument("--corpus", required=True, help="a text that trains for some seconds: a file, or @name")
    made.add_argument("--family", choices=[*STATIC, *LANGUAGE_MODELS], default="skipgram")
    made.add_argument("--kills", type=int, default=100)
    made.add_argument("--epochs", type=int, help="of the training; steps of a language model (default: 20, or 600)")
    made.add_argument("--dim", type=int, default=100)
    made.add_argument("--seed", type=int, default=0, help="seed of the moments")
    return made


def main(arguments: list[str]) -> int:
    """Kill, resume, compare, print; 1 when a run went wrong or its bytes differ."""
    asked = parser().parse_args(arguments)
    corpus = asked.corpus if asked.corpus.startswith("@") else str(Path(asked.corpus).resolve())
    with tempfile.TemporaryDirectory(prefix="tokit-bench-") as folder:
        work = Path(folder)
        words = work / "words"
        tokit = [sys.executable, "-m", "tokit"]
        try:
            run_for([*tokit, "train", "word", corpus, "-v", "20000", "-q", "-o", str(words)], None, work / "said")
            contextual = asked.family in LANGUAGE_MODELS
            epochs = asked.epochs or (600 if contextual else 20)
            tokens = TOKENS_OF_A_STEP if contextual else _tokens(corpus, words, work)
            every = max(tokens * epochs // CHECKPOINTS, 1)
            job = Job(asked.family, corpus, words, epochs, asked.dim, every, work)
            tally = kill_runs(job, asked.kills, random.Random(asked.seed))
        except NotTheSameError as error:
            print(f"{asked.family}: {error}")
            return 1
    print(f"{asked.family}: {tally.killed} kills, {tally.runs} runs, each ended in the same bytes")
    for place in (EARLY, TRAINING, WRITING, SAVING):
        print(f"{tally.kills[place]:6} when {place}")
    return 0


def _tokens(corpus: str, words: Path, work: Path) -> int:
    said = work / "said"
    run_for([sys.executable, "-m", "tokit", "encode", corpus, "-t", str(words), "-q"], None, said)
    return len(said.read_bytes().split())
