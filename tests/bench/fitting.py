"""`python -m tests.bench fit`: embeddings beside gensim's and fastText's, whole run against whole run.

Each peer starts from the text and ends with vectors on disk: vocabulary, encoding, all epochs and saving are in its
time. The text is split into words at spaces beforehand, so that all have the same words; the vectors are evaluated by
gensim's own evaluation, outside of the measured time.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import importlib.util
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.peers.tokit import COMPILE
from tests.bench.process import ChildError, Ran, environment, run

FAMILIES = ("skipgram", "cbow", "fasttext")
# The learning rate at the start and the end of a training, in gensim as in tokit.
FIRST_RATE, LAST_RATE = 0.025, 0.0001
# Words that are rarer than this are left out by all.
MIN_COUNT = 5
SCORES = ("analogies", "WordSim-353", "SimLex-999")
# Analogies are asked about the most frequent words only, as gensim's own default would take minutes.
ANALOGY_WORDS = 30_000

GENSIM = """
import json, sys
import numpy as np
from gensim.models import FastText, Word2Vec
family, corpus, out, dim, epochs, threads, seed, minimum = *sys.argv[1:4], *map(int, sys.argv[4:])
kind = FastText if family == "fasttext" else Word2Vec
model = kind(
    corpus_file=corpus, vector_size=dim, epochs=epochs, workers=threads, seed=seed, min_count=minimum,
    sg=int(family != "cbow"), window=5, negative=5, sample=1e-3,
)
np.save(f"{out}.npy", model.wv.vectors)
json.dump(model.wv.index_to_key, open(f"{out}.json", "w"))
"""
FASTTEXT = """
import json, sys
import fasttext
import numpy as np
family, corpus, out, dim, epochs, threads, seed, minimum = *sys.argv[1:4], *map(int, sys.argv[4:])
model = fasttext.train_unsupervised(
    corpus, model="cbow" if family == "cbow" else "skipgram", dim=dim, epoch=epochs, thread=threads, minCount=minimum,
    ws=5, neg=5, t=1e-3, lr=0.025, maxn=6 if family == "fasttext" else 0, minn=3 if family == "fasttext" else 0,
    verbose=0,
)
words = model.get_words()
np.save(f"{out}.npy", np.array([model.get_word_vector(word) for word in words]))
json.dump(words, open(f"{out}.json", "w"))
"""
QUALITY = """
import json, sys, warnings
import numpy as np
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
warnings.filterwarnings("ignore")
words, vectors = json.load(open(f"{sys.argv[1]}.json")), np.load(f"{sys.argv[1]}.npy")
table = KeyedVectors(vectors.shape[1])
table.add_vectors(words, vectors)
scores = [table.evaluate_word_analogies(datapath("questions-words.txt"), restrict_vocab=int(sys.argv[2]))[0]]
pairs = [datapath(name) for name in ("wordsim353.tsv", "simlex999.txt")] + sys.argv[3:]
scores += [table.evaluate_word_pairs(name)[1][0] for name in pairs]
print(json.dumps([float(score) for score in scores]))
"""
# tokit's folder as words and vectors, most frequent first; not timed.
OURS = """
import json, sys
import numpy as np, tokit
from tokit.embedding.embedding_folder import load_embedding
folder, tokenizer, out = sys.argv[1:]
embedding, texts = load_embedding(folder), tokit.load_tokenizer(tokenizer).pieces.texts
order = [i for i in np.argsort(-embedding.token_counts, kind="stable").tolist() if embedding.seen[i] and texts[i]]
np.save(f"{out}.npy", embedding.vectors[order])
json.dump([texts[i] for i in order], open(f"{out}.json", "w"))
"""


@dataclass(frozen=True, slots=True)
class Job:
    """Settings shared by all peers."""

    family: str
    corpus: Path
    dim: int
    epochs: int
    threads: int
    seed: int
    work: Path
    pairs: tuple[Path, ...] = ()


@dataclass(slots=True)
class Result:
    """Result of a peer: seconds, peaks (bytes) and scores of each round."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    scores: list[list[float]] = field(default_factory=list)
    error: str = ""


def script(source: str) -> Callable[[Job, Path], Ran]:
    """A peer that is a script."""

    def work(job: Job, out: Path) -> Ran:
        numbers = map(str, (job.dim, job.epochs, job.threads, job.seed, MIN_COUNT))
        command = [sys.executable, "-c", source, job.family, str(job.corpus), str(out), *numbers]
        return run(command, environment(job.threads), out)

    return work


def last_rate(job: Job) -> float:
    """Where the learning rate ends in gensim, which has as many threads as the job.

    From a corpus file each thread counts its own share of an epoch as progress through the whole of it
    (`get_next_alpha` in gensim 4.4's word2vec_corpusfile.pyx), so the rate does not fall as far as asked for: after
    three epochs with two threads to 0.0043. With tokit's own end, which is the one that was asked for, tokit would be
    measured at another rate.
    """
    done = (job.epochs - 1 + 1 / job.threads) / job.epochs
    return FIRST_RATE - (FIRST_RATE - LAST_RATE) * done


def tokit(job: Job, out: Path) -> Ran:
    """Two commands: the vocabulary, and the rest."""
    command, env = [sys.executable, "-m", "tokit"], environment(job.threads)
    words, fitted = f"{out}-words", f"{out}-fitted"
    threads = ["--threads", str(job.threads)]
    rules = ["--pre-tokenizer", "whitespace-split", "--min-frequency", str(MIN_COUNT), "-v", "1000000"]
    trained = run(
        [*command, "train", "word", str(job.corpus), *rules, "-o", words, "-q", "--overwrite", *threads], env, out
    )
    fit = run(
        [
            *command, "fit", job.family, str(job.corpus), "-t", words, "-d", str(job.dim), "-o", fitted, "-q",
            "--overwrite", "--epochs", str(job.epochs), "--min-learning-rate", f"{last_rate(job):.6f}",
            "--seed", str(job.seed), *threads,
        ],
        env,
        out,
    )  # fmt: skip
    run([sys.executable, "-c", OURS, fitted, words, str(out)], env, out)
    return Ran(trained.seconds + fit.seconds, max(trained.peak, fit.peak), "")


PEERS: dict[str, Callable[[Job, Path], Ran]] = {
    "tokit": tokit,
    "gensim": script(GENSIM),
    "fasttext": script(FASTTEXT),
}


def words_of(corpus: Path, out: Path) -> int:
    """The text in small letters, its words apart, at most 10,000 a line, which is all that gensim reads; how many."""
    count = 0
    with corpus.open(encoding="utf-8", newline="\n") as text, out.open("w", encoding="utf-8") as file:
        for line in text:
            words = "".join(letter if letter.isalnum() else " " for letter in line.lower()).split()
            count += len(words)
            for first in range(0, len(words), 10_000):
                file.write(" ".join(words[first : first + 10_000]) + "\n")
    return count


def rated_pairs(table: Path, out: Path) -> Path:
    """A CSV of rated pairs in the form that gensim reads; marks of a part of speech, as in MEN, are taken off."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    named = "word1" in rows[0]
    first = rows[0].index("word1") if named else 0
    chosen = [row[first : first + 3] for row in rows[int(named) :]]
    marked = all(word[-2:] in {"-n", "-v", "-j"} for row in chosen for word in row[:2])
    lines = ["\t".join([*(word[:-2] if marked else word for word in row[:2]), row[2]]) for row in chosen]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out


def measure(job: Job, peers: list[str], rounds: int) -> dict[str, Result]:
    """Measure the peers in turn, round after round, each round with a seed of its own."""
    results = {peer: Result() for peer in peers}
    for number in range(rounds):
        for peer in peers:
            print(f"round {number + 1} of {rounds}: {peer}", file=sys.stderr, flush=True)
            out = job.work / f"{peer}-{number}"
            seeded = dataclasses.replace(job, seed=job.seed + number + 1)
            try:
                ran = PEERS[peer](seeded, out)
                asked = [str(out), str(ANALOGY_WORDS), *map(str, job.pairs)]
                scored = run([sys.executable, "-c", QUALITY, *asked], environment(None), out)
            except ChildError as error:
                results[peer].error = str(error)
                continue
            results[peer].seconds.append(ran.seconds)
            results[peer].peaks.append(ran.peak)
            results[peer].scores.append(json.loads(scored.out))
    return results


def print_results(job: Job, results: dict[str, Result], words: int, console: Console) -> None:
    """Medians of times and memory, means of scores over the rounds' seeds."""
    made = Table(
        title=f"{job.family}, {words:,} words x {job.epochs} epochs, {job.dim} dimensions", title_justify="left"
    )
    evaluations = *SCORES, *(path.stem for path in job.pairs)
    for name in ("peer", "median s", "words/s", "time / tokit's", "peak MB", *evaluations):
        made.add_column(name, justify="left" if name == "peer" else "right")
    ours = results["tokit"].seconds
    for peer, result in results.items():
        if result.error or not result.seconds:
            made.add_row(peer, result.error)
            continue
        seconds = statistics.median(result.seconds)
        ratio = statistics.median([theirs / mine for theirs, mine in zip(result.seconds, ours, strict=False)] or [0.0])
        scores = [f"{statistics.mean(column):.3f}" for column in zip(*result.scores, strict=True)]
        peak = statistics.median(result.peaks) / 1e6
        made.add_row(
            peer, f"{seconds:.2f}", f"{words * job.epochs / seconds:,.0f}", f"{ratio:.2f}", f"{peak:.0f}", *scores
        )
    console.print(made)
    console.print(
        "whole runs: vocabulary, encoding, all epochs, saving; kernels were compiled before. "
        "Scores: means over a seed a round."
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench fit", description="embeddings beside other libraries")
    made.add_argument("--corpus", type=Path, required=True, help="a text file; its lines are the documents")
    made.add_argument("--peers", default="gensim,fasttext", help=f"names with commas: {', '.join(PEERS)}")
    made.add_argument("--family", choices=FAMILIES, default="skipgram")
    made.add_argument("--dim", type=int, default=100)
    made.add_argument("--epochs", type=int, default=3)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--pairs", type=Path, action="append", default=[], help="CSV of word1, word2, rating; repeatable")
    made.add_argument("--save", type=Path, metavar="FILE.json", help="all times and scores")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when a peer failed."""
    asked = parser().parse_args(arguments)
    names = list(dict.fromkeys(["tokit", *(name.strip() for name in asked.peers.split(","))]))
    if unknown := [name for name in names if name not in PEERS]:
        raise SystemExit(f"unknown peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    peers = [name for name in names if importlib.util.find_spec(name)]
    for name in sorted(set(names) - set(peers)):
        print(f"{name} is not installed", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="tokit-bench-") as folder:
        work = Path(folder)
        words = words_of(asked.corpus, work / "words.txt")
        pairs = tuple(rated_pairs(path, work / f"{path.stem}.tsv") for path in asked.pairs)
        job = Job(asked.family, work / "words.txt", asked.dim, asked.epochs, asked.threads, 0, work, pairs)
        # Kernels are compiled once on a machine; that is not measured here.
        run([sys.executable, "-c", COMPILE, str(1 << 30)], environment(None), work / "compiled")
        results = measure(job, peers, asked.rounds)
        if asked.save:
            saved: dict[str, Any] = {peer: vars_of(result) for peer, result in results.items()}
            asked.save.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
        print_results(job, results, words, Console(width=None if sys.stdout.isatty() else 140))
    return int(any(result.error for result in results.values()))


def vars_of(result: Result) -> dict[str, Any]:
    """For JSON."""
    return {"seconds": result.seconds, "peaks": result.peaks, "scores": result.scores, "error": result.error}
