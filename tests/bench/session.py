"""One run of the bench: every peer in turn, round after round, each measurement in a process of its own."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.peers import work_of
from tests.bench.peers.tokit import COMPILE as COMPILE_ALL
from tests.bench.peers.tokit import Tokit
from tests.bench.process import ChildError, Ran, environment, run
from tests.bench.task import Task

OURS = "tokit"
REFERENCES = (OURS, "tokenizers")
WHOLE, FIRST, STEADY, START, COMPILE = ROWS = (
    "whole process",
    "first call",
    "steady state",
    "start-up",
    "compile kernels",
)
MEANING = {
    WHOLE: "start-up, reading the file, writing the result, exit",
    FIRST: "in process, from the file to the written result (counts stay in memory); nothing is warm but imports and "
    "the opened tokenizer",
    STEADY: "the second and third such call in the same process",
    START: "the whole process on the corpus's first line: imports and opening the tokenizer",
    COMPILE: "the whole process with an empty kernel cache less the same again; once on a machine",
}


@dataclass(slots=True)
class Series:
    """Results of a peer in one kind of row.

    Attributes:
        row: A name out of `ROWS`.
        peer: Its name.
        size: Bytes of text that each run reads, or, decoding, writes.
        seconds: For each round its times.
        peaks: Peak memory in bytes, one a round.
        error: Why it went no further; empty when all is well.
        behind: Times that `seconds` was computed from, where it was not measured itself.
    """

    row: str
    peer: str
    size: int
    seconds: list[list[float]] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    error: str = ""
    behind: dict[str, float] = field(default_factory=dict)

    @property
    def rounds(self) -> list[float]:
        """One time a round: the median of that round's."""
        return [statistics.median(times) for times in self.seconds]

    def ratio(self, ours: Series) -> float | None:
        """Their time over ours, per byte of text, in each round; the median of those."""
        pairs = zip(self.rounds, ours.rounds, strict=False)
        ratios = [(theirs / self.size) / (own / ours.size) for theirs, own in pairs]
        return statistics.median(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a session."""

    job: str
    corpus: Path
    peers: tuple[str, ...]
    vocab_size: int
    tokenizer: str
    rounds: int
    threads: int | None
    part_bytes: int


class Session:
    """The folders, tasks and series of a run."""

    def __init__(self, options: Options, work: Path, say: Callable[[str], None]) -> None:
        self.options = options
        self.work = work
        self.say = say
        self.env = environment(options.threads)
        self.tasks: dict[str, Path] = {}
        self.sizes: dict[str, int] = {}
        self.answers: dict[tuple[str, str], Path] = {}
        self.series: dict[tuple[str, str], Series] = {}
        self.remarks: list[str] = []

    def measure(self) -> None:
        """Prepare, run everything once unmeasured, then the rounds; `identity` compares."""
        self._warm()
        self._prepare()
        for peer in self.options.peers:
            self.say(f"{peer}: a run for its result, not measured")
            self._attempt(peer, WHOLE, self._answer)
        self._attempt(OURS, COMPILE, self._compile)
        for number in range(self.options.rounds):
            # Who goes first changes, so that nobody always follows the same one.
            shift = number % len(self.options.peers)
            for peer in self.options.peers[shift:] + self.options.peers[:shift]:
                self.say(f"round {number + 1} of {self.options.rounds}: {peer}")
                self._attempt(peer, WHOLE, self._whole)
                self._attempt(peer, FIRST, self._inside)
                self._attempt(peer, START, self._start)

    def identity(self) -> dict[str, dict[str, Any]]:
        """For each peer, how its result differs from that of each reference which took part."""
        asked = list(self._questions())
        path = self.work / "questions.json"
        path.write_text(json.dumps([question for _, _, question in asked]), encoding="utf-8")
        command = [sys.executable, "-m", "tests.bench.answers", str(path)]
        answers = json.loads(run(command, self.env, self.work / "answers").out) if asked else []
        found: dict[str, dict[str, Any]] = {}
        for (peer, reference, _), answer in zip(asked, answers, strict=True):
            found.setdefault(peer, {})[reference] = answer
        return found

    def _warm(self) -> None:
        """Have tokit's kernels compiled on this machine, as they are once it has had a large job."""
        self.say("tokit: compiling its kernels, unless they are")
        size = self.options.corpus.stat().st_size
        ran = run([sys.executable, "-c", COMPILE_ALL, str(size)], self.env, self.work / "warm")
        state = f"were on disk for the rounds; making sure took {ran.seconds:.1f} s" if ran.out else "play no part here"
        self.remarks.append(f"tokit's kernels {state}")

    def _prepare(self) -> None:
        """The corpus, its first line, and, when a peer is slow, its first part, each with what a job needs."""
        options = self.options
        self._prepare_task("full", options.corpus, options.tokenizer)
        tokenizer = Task.load(str(self.tasks["full"])).tokenizer
        with options.corpus.open("rb") as file:
            line = next((line for line in file if line.strip()), b"")
            file.seek(0)
            part = file.read(options.part_bytes)
        if not line:
            raise ChildError(f"{options.corpus} has no text")
        self._prepare_text("line", line, tokenizer)
        if any(self._variant(peer) == "part" for peer in options.peers):
            self._prepare_text("part", part[: part.rfind(b"\n") + 1] or part, tokenizer)
            self._attempt(OURS, WHOLE, lambda _: self._answer_of(OURS, "part"))

    def _prepare_text(self, variant: str, text: bytes, tokenizer: str) -> None:
        path = self.work / f"{variant}.txt"
        path.write_bytes(text)
        self._prepare_task(variant, path, tokenizer)

    def _prepare_task(self, variant: str, corpus: Path, tokenizer: str) -> None:
        folder = self.work / variant
        folder.mkdir()
        options = self.options
        task = Task(options.job, str(corpus), options.vocab_size, options.threads, str(folder), tokenizer)
        self.tasks[variant], self.sizes[variant] = folder / "task.json", corpus.stat().st_size
        task.save(self.tasks[variant])
        self.say(f"preparing: {corpus.name}")
        run([sys.executable, "-m", "tests.bench.prepare", str(self.tasks[variant])], self.env, folder / "prepare")

    def _variant(self, peer: str) -> str:
        kind = work_of(peer, self.options.job)
        return "part" if kind is not None and kind.partial else "full"

    def _of(self, row: str, peer: str, size: int | None = None) -> Series:
        size = self.sizes[self._variant(peer)] if size is None else size
        return self.series.setdefault((row, peer), Series(row, peer, size))

    def _attempt(self, peer: str, row: str, measurement: Callable[[str], None]) -> None:
        """Measure, unless it failed before; a failure becomes the row's error."""
        series = self._of(row, peer, self.sizes["line"] if row == START else None)
        if series.error:
            return
        try:
            measurement(peer)
        except (ChildError, ValueError) as error:
            series.error = str(error)

    def _run_whole(self, peer: str, variant: str, out: Path, env: dict[str, str] | None = None) -> Ran:
        kind, path = work_of(peer, self.options.job), self.tasks[variant]
        if kind is None:
            raise ChildError(f"has no {self.options.job}")
        command = [sys.executable, "-m", "tests.bench.child", "whole", peer, str(path), str(out)]
        if issubclass(kind, Tokit):
            command = kind.command(Task.load(str(path)), str(out))
        # What tokit decodes is its standard output.
        stdout = out if issubclass(kind, Tokit) and kind.form == "text" else out.with_name(f"{out.name}.stdout")
        return run(command, env or self.env, stdout)

    def _answer(self, peer: str) -> None:
        self._answer_of(peer, self._variant(peer))

    def _answer_of(self, peer: str, variant: str) -> None:
        out = self.work / variant / f"answer-{peer}"
        self._run_whole(peer, variant, out)
        self.answers[peer, variant] = out

    def _whole(self, peer: str) -> None:
        out = self.work / f"whole-{peer}"
        ran = self._run_whole(peer, self._variant(peer), out)
        _remove(out)
        self._add(WHOLE, peer, [ran.seconds], ran.peak)

    def _start(self, peer: str) -> None:
        out = self.work / f"start-{peer}"
        ran = self._run_whole(peer, "line", out)
        _remove(out)
        self._add(START, peer, [ran.seconds], ran.peak)

    def _inside(self, peer: str) -> None:
        path = self.tasks[self._variant(peer)]
        command = [sys.executable, "-m", "tests.bench.child", "inside", peer, str(path)]
        said = json.loads(run(command, self.env, self.work / f"inside-{peer}").out)
        self._add(FIRST, peer, said["seconds"][:1], int(said["peaks"][0]))
        self._add(STEADY, peer, said["seconds"][1:], int(said["peaks"][-1]))

    def _compile(self, peer: str) -> None:
        cache = self.work / "kernels"
        cache.mkdir()
        env = {**self.env, "TOKIT_CACHE_DIR": str(cache)}
        self.say(f"{peer}: a run with an empty kernel cache, and another")
        empty, full = (self._run_whole(peer, "full", self.work / f"compile-{n}", env) for n in range(2))
        if not any(path.is_file() for path in cache.rglob("*")):
            self.remarks.append(f"{peer} would have compiled no kernel: this job is too small to pay for it")
            return
        self._add(COMPILE, peer, [empty.seconds - full.seconds], empty.peak)
        self._of(COMPILE, peer).behind = {"empty cache": empty.seconds, "full cache": full.seconds}

    def _add(self, row: str, peer: str, seconds: list[float], peak: int) -> None:
        series = self._of(row, peer)
        series.seconds.append(seconds)
        series.peaks.append(peak)

    def _questions(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for (peer, variant), path in self.answers.items():
            for reference in REFERENCES:
                own = self.answers.get((reference, variant))
                if reference == peer or own is None or (peer == OURS and variant == "part"):
                    continue
                ours, theirs = self._side(reference, own), self._side(peer, path)
                yield peer, reference, {"task": str(self.tasks[variant]), "ours": ours, "theirs": theirs}

    def _side(self, peer: str, path: Path) -> dict[str, str]:
        kind = work_of(peer, self.options.job)
        return {"form": kind.form if kind else "", "path": str(path)}


def _remove(path: Path) -> None:
    """Remove the output of a run; the next must not find it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
