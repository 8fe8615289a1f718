"""`python -m tests.bench pretrain`: a masked language model beside the recipe of transformers' `Trainer`.

Whole run against whole run, each a process of its own: either starts from the text and the tokenizer, and ends with a
folder on disk; encoding, training and saving are in its time. Both see as many tokens in as many steps, padding not
counted, with the same model, masking probability, optimizer and learning-rate schedule, tokens masked one by one. What
they learned is measured by one script: the loss on documents that neither has seen, masked by transformers' collator
with a fixed seed, in float32.

The recipe is that of transformers' own example, run_mlm.py --line_by_line: a document a row, truncated to the
context length and padded to the longest of its batch; float32; the masks drawn anew each time.
https://github.com/huggingface/transformers/tree/main/examples/pytorch/language-modeling
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.peers.tokit import COMPILE
from tests.bench.process import ChildError, Ran, environment, run

FAMILIES = ("bert", "modernbert")
# Every so many lines one is held out, and so many at most.
HELD_OUT_EVERY, HELD_OUT = 50, 1_500
# Lines whose mean length is taken for that of all.
SAMPLED = 20_000

TRAINER = """
import json, sys
import torch
import transformers
from transformers import (
    AutoConfig, AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments,
)
job = json.loads(sys.argv[1])
transformers.utils.logging.set_verbosity_error()
torch.set_num_threads(job["threads"])
torch.manual_seed(job["seed"])
tokenizer = AutoTokenizer.from_pretrained(job["like"])
with open(job["corpus"], encoding="utf-8", newline="\\n") as file:
    lines = [line for line in file.read().split("\\n") if line]
ids = tokenizer(lines, truncation=True, max_length=job["context"])["input_ids"]
rows = [{"input_ids": row} for row in ids]
mean = sum(map(len, ids)) / len(ids)
model = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(job["like"]))
arguments = TrainingArguments(
    output_dir=job["out"], max_steps=max(1, round(job["tokens"] / (mean * job["batch"]))),
    per_device_train_batch_size=job["batch"], learning_rate=job["learning_rate"], weight_decay=job["weight_decay"],
    adam_beta1=job["betas"][0], adam_beta2=job["betas"][1], adam_epsilon=job["epsilon"],
    max_grad_norm=job["max_grad_norm"],
    lr_scheduler_type="cosine_with_min_lr", lr_scheduler_kwargs={"min_lr_rate": job["final_rate"]},
    warmup_steps=job["warmup_steps"], save_strategy="no", logging_strategy="no", report_to="none", use_cpu=True,
    seed=job["seed"], dataloader_pin_memory=False, disable_tqdm=True, include_num_input_tokens_seen="non_padding",
)
collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=job["mlm_probability"])
trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator)
trainer.train()
trainer.save_model(job["out"])
tokenizer.save_pretrained(job["out"])
print(int(trainer.state.num_input_tokens_seen))
"""
HELD_OUT_LOSS = """
import sys
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling
folder, corpus, context, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
with open(corpus, encoding="utf-8", newline="\\n") as file:
    lines = [line for line in file.read().split("\\n") if line]
ids = tokenizer(lines, truncation=True, max_length=context)["input_ids"]
ids = sorted(ids, key=len)
collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=rate)
torch.manual_seed(0)
nats, count = 0.0, 0
for first in range(0, len(ids), 32):
    batch = collator([{"input_ids": row} for row in ids[first : first + 32]])
    masked = int((batch["labels"] != -100).sum())
    if masked:
        with torch.no_grad():
            nats += float(model(**batch).loss) * masked
        count += masked
print(nats / count)
"""


# Parameters that both sides take.
SHARED_PARAMS = ("learning_rate", "weight_decay", "max_grad_norm", "warmup_steps", "mlm_probability")


@dataclass(frozen=True, slots=True)
class Job:
    """Settings shared by both."""

    family: str
    size: str
    corpus: Path
    held_out: Path
    tokenizer: Path
    steps: int
    batch: int
    rows: int
    context: int
    threads: int
    seed: int
    work: Path

    @property
    def tokens(self) -> int:
        """That either sees."""
        return self.steps * self.rows * self.context


@dataclass(slots=True)
class Result:
    """Results of each round: seconds, seconds of all processors, tokens seen, loss on held-out documents."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    error: str = ""

    def add(self, ran: Ran, tokens: int, loss: float) -> None:
        """Note a round."""
        self.seconds.append(ran.seconds)
        self.processor.append(ran.processor)
        self.peaks.append(ran.peak)
        self.tokens.append(tokens)
        self.losses.append(loss)


def tokit(job: Job, out: Path) -> tuple[Ran, int]:
    """The command, and how many tokens it trained on: its rows have no padding."""
    settings = {
        "max_steps": job.steps, "batch_size": job.rows, "context_length": job.context,
        "validation_fraction": 0,
    }  # fmt: skip
    command = [
        sys.executable, "-m", "tokit", "fit", job.family, str(job.corpus), "-t", str(job.tokenizer), "-o", str(out),
        "--size", job.size, "--seed", str(job.seed), "--threads", str(job.threads), "--overwrite", "-q",
        "--no-whole-word-mask",
    ]  # fmt: skip
    chosen = [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    ran = run([*command, *chosen], environment(job.threads), out.with_name(f"{out.name}.said"))
    return ran, job.tokens


def trainer(job: Job, out: Path, like: Path) -> tuple[Ran, int]:
    """The recipe, with the configuration, the tokenizer and the settings of a folder of tokit's."""
    from tokit.lm.train.optimizer import ADAM_BETAS, ADAM_EPSILON, FINAL_RATE

    params = json.loads((like / "tokit.json").read_text("utf-8"))["params"]
    asked = {name: params[name] for name in SHARED_PARAMS}
    asked |= {"like": str(like), "corpus": str(job.corpus), "out": str(out), "threads": job.threads, "seed": job.seed}
    asked |= {"context": job.context, "batch": job.batch, "tokens": job.tokens}
    asked |= {"betas": ADAM_BETAS, "epsilon": ADAM_EPSILON, "final_rate": FINAL_RATE}
    said = out.with_name(f"{out.name}.said")
    ran = run([sys.executable, "-c", TRAINER, json.dumps(asked)], environment(job.threads), said)
    return ran, int(ran.out)


def held_out_loss(job: Job, folder: Path) -> float:
    """Nats of a masked token."""
    rate = json.loads((job.work / "tokit-0" / "tokit.json").read_text("utf-8"))["params"]["mlm_probability"]
    command = [sys.executable, "-c", HELD_OUT_LOSS, str(folder), str(job.held_out), str(job.context), str(rate)]
    return float(run(command, environment(None), job.work / "loss").out)


def rows_like(batch: int, corpus: Path, tokenizer: Path, context: int) -> int:
    """Rows of `context` tokens that hold as many as a batch of documents does, each cut to that length."""
    from tokit.tokenizer.load import load_tokenizer

    with corpus.open(encoding="utf-8", newline="\n") as file:
        lines = [line for line in (raw.rstrip("\n") for raw in islice(file, SAMPLED)) if line]
    # A special token at either end.
    lengths = [min(len(ids) + 2, context) for ids in load_tokenizer(tokenizer).encode_batch(lines)]
    return max(1, round(batch * statistics.mean(lengths) / context))


def split(corpus: Path, train: Path, held_out: Path) -> None:
    """Hold some lines out."""
    held = 0
    with corpus.open("rb") as text, train.open("wb") as some, held_out.open("wb") as others:
        for number, line in enumerate(text):
            out = number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 and held < HELD_OUT
            held += out
            (others if out else some).write(line)


def measure(job: Job, rounds: int) -> dict[str, Result]:
    """Both in turn, round after round, each round with a seed of its own."""
    results = {"tokit": Result(), "Trainer": Result()}
    for number in range(rounds):
        seeded = dataclasses.replace(job, seed=job.seed + number)
        ours, theirs = (job.work / f"{name}-{number}" for name in ("tokit", "trainer"))
        for name, out in (("tokit", ours), ("Trainer", theirs)):
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            try:
                ran, tokens = tokit(seeded, out) if name == "tokit" else trainer(seeded, out, ours)
                results[name].add(ran, tokens, held_out_loss(job, out))
            except ChildError as error:
                results[name].error = str(error)
                # The Trainer begins with what tokit left.
                return results
    return results


def print_results(job: Job, results: dict[str, Result], console: Console) -> None:
    """Medians of times and memory, means of losses over the rounds' seeds."""
    title = f"{job.family} {job.size}, {job.batch} documents or {job.rows} rows of {job.context}, {job.threads} threads"
    made = Table(title=title, title_justify="left")
    columns = ("recipe", "tokens seen", "median s", "tokens/s", "tokit's / its", "processor s", "peak MB", "loss")
    for name in columns:
        made.add_column(name, justify="left" if name == "recipe" else "right")
    ours = speeds(results["tokit"])
    for name, result in results.items():
        if result.error or not result.seconds:
            made.add_row(name, result.error)
            continue
        ratio = statistics.median([a / b for a, b in zip(ours, speeds(result), strict=False)] or [0.0])
        made.add_row(
            name, f"{statistics.median(result.tokens):,.0f}", f"{statistics.median(result.seconds):.1f}",
            f"{statistics.median(speeds(result)):,.0f}", f"{ratio:.2f}", f"{statistics.median(result.processor):.1f}",
            f"{statistics.median(result.peaks) / 1e6:.0f}", f"{statistics.mean(result.losses):.3f}",
        )  # fmt: skip
    console.print(made)
    console.print("whole runs: start-up, encoding, training, saving. Padding is no token. processor s: of all of them.")
    console.print("loss: nats of a masked token of documents that were held out, means over a seed a round.")


def speeds(result: Result) -> list[float]:
    """Tokens a second of each round."""
    return [tokens / seconds for tokens, seconds in zip(result.tokens, result.seconds, strict=True)]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m tests.bench pretrain", description="tokit fit beside transformers' Trainer"
    )
    made.add_argument("--corpus", type=Path, required=True, help="a text file; its lines are the documents")
    made.add_argument("--family", choices=FAMILIES, default="bert")
    made.add_argument("--size", default="mini", help="tiny, mini, small or base")
    made.add_argument("--tokenizer", type=Path, help="else one is trained on the corpus")
    made.add_argument("--vocab-size", type=int, default=8_000)
    made.add_argument(
        "--steps", type=int, default=200, help="steps of tokit; the Trainer gets the same number of tokens"
    )
    made.add_argument("--batch", type=int, default=32, help="documents in a step; tokit takes rows with as many tokens")
    made.add_argument("--context", type=int, default=128)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--save", type=Path, metavar="FILE.json", help="all times and losses")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when either failed."""
    asked = parser().parse_args(arguments)
    if missing := [name for name in ("torch", "transformers", "accelerate") if not importlib.util.find_spec(name)]:
        raise SystemExit(f"error: {', '.join(missing)} not installed: the extras 'contextual' and 'bench' have them")
    with tempfile.TemporaryDirectory(prefix="tokit-bench-") as folder:
        work = Path(folder)
        train, held_out, tokenizer = work / "train.txt", work / "held-out.txt", work / "tokenizer"
        split(asked.corpus, train, held_out)
        # Kernels are compiled once on a machine; that is not measured here.
        run([sys.executable, "-c", COMPILE, str(1 << 30)], environment(None), work / "compiled")
        if asked.tokenizer:
            tokenizer = asked.tokenizer.resolve(strict=True)
        else:
            command = [sys.executable, "-m", "tokit", "train", "bpe", str(train), "-v", str(asked.vocab_size)]
            run([*command, "-o", str(tokenizer), "-q"], environment(None), work / "trained")
        job = Job(
            asked.family, asked.size, train, held_out, tokenizer, asked.steps, asked.batch,
            rows_like(asked.batch, train, tokenizer, asked.context), asked.context,
            asked.threads, 0, work,
        )  # fmt: skip
        results = measure(job, asked.rounds)
        if asked.save:
            saved = {name: dataclasses.asdict(result) for name, result in results.items()}
            asked.save.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
        print_results(job, results, Console(width=None if sys.stdout.isatty() else 120))
    return int(any(result.error for result in results.values()))
