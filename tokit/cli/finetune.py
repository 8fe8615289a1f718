"""`tokit finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    ConfigOpt,
    ErrorsOpt,
    FormatOpt,
    HelpParamsOpt,
    JsonOpt,
    OverwriteOpt,
    QuietOpt,
    SeedOpt,
    SetOpt,
)
from tokit.cli.train import family_settings
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ops.finetune import FinetuneReport

DataArg = Annotated[
    list[str] | None,
    typer.Argument(metavar="DATA...", help="Files of labeled examples, or - for standard input.", show_default=False),
]
ModelOpt = Annotated[
    Path | None,
    typer.Option("-e", "--embedding", help="A language model's folder, own or of transformers.", show_default=False),
]
OutOpt = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="The folder to write.", show_default=False),
]
TaskOpt = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="classify (label, text), tokens (token and tag a line, an empty line between sentences), or pairs (text,"
        " text, score or label; scores are written with a decimal point).",
        show_default="by the number of columns",
    ),
]
LabelOpt = Annotated[
    str | None,
    typer.Option(
        "--label", metavar="COLUMN", help="Column of the label: a number from 1 on (-1 is the last), or a name.",
        show_default="1; of tokens the last; of pairs 3",
    ),
]  # fmt: skip
TextOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--text", metavar="COLUMN", help="Column of the text, or of the token; twice for pairs.",
        show_default="2; of tokens 1; of pairs 1 and 2",
    ),
]  # fmt: skip
ValidationOpt = Annotated[
    float | None,
    typer.Option("--validation", help="Share of the examples to hold out and measure on.", show_default="0.1"),
]
HeldOutOpt = Annotated[
    str | None,
    typer.Option("--held-out", metavar="FILE", help="Measure on these examples instead.", show_default=False),
]
EpochsOpt = Annotated[
    int | None,
    typer.Option("--epochs", help="Passes over the examples.", show_default="3"),
]
BatchOpt = Annotated[
    int | None,
    typer.Option("--batch", help="Examples in a step.", show_default="32"),
]
RateOpt = Annotated[
    float | None,
    typer.Option("--learning-rate", help="At its height.", show_default="0.0001"),
]
FreezeOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--freeze", metavar="LAYER", help="A layer that stays as it is: embeddings, or 'encoder.layer.0.*'.",
        show_default=False,
    ),
]  # fmt: skip
FinetuneThreadsOpt = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Threads to train with; the same number gives the same bytes.",
                 show_default="all"),
]  # fmt: skip


def finetune(
    data: DataArg = None,
    model: ModelOpt = None,
    out: OutOpt = None,
    task: TaskOpt = None,
    label: LabelOpt = None,
    text: TextOpt = None,
    format_: FormatOpt = None,
    errors: ErrorsOpt = "strict",
    validation: ValidationOpt = None,
    held_out: HeldOutOpt = None,
    epochs: EpochsOpt = None,
    batch: BatchOpt = None,
    learning_rate: RateOpt = None,
    freeze: FreezeOpt = None,
    settings: SetOpt = None,
    config: ConfigOpt = None,
    help_params: HelpParamsOpt = False,
    seed: SeedOpt = 0,
    threads: FinetuneThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Teach a language model a task by labeled examples.

    tokit finetune -e model reviews.tsv -o reviews

    tokit finetune -e model --task tokens train.conll --held-out test.conll -o entities
    """
    if help_params:
        from tokit.lm.pretrain_params import FinetuneParams

        render.parameters(FinetuneParams)
        return
    if model is None or out is None:
        missing, example = ("'-e' / '--embedding'", "-e model") if model is None else ("'-o' / '--out'", "-o tuned")
        raise UsageError(f"Missing option {missing}", hint=example)
    from tokit.corpus.labeled import Columns
    from tokit.ops.finetune import finetune as finetuned
    from tokit.runtime.threads import set_threads

    set_threads(threads)
    named = {"epochs": epochs, "batch_size": batch, "learning_rate": learning_rate}
    with console.progress(quiet=quiet) as tick:
        report = finetuned(
            model,
            data or ["-"],
            out,
            columns=Columns(task, label, tuple(text or ()), format_, errors),
            held_out=held_out,
            validation=validation,
            settings=family_settings(settings, config, named),
            freeze=freeze or (),
            seed=seed,
            threads=threads,
            overwrite=overwrite,
            tick=tick,
        )
    warn(report)
    if as_json:
        render.as_json(report)
        return
    tell(report, quiet=quiet)


def warn(report: FinetuneReport) -> None:
    """What a user should know who looks at the scores."""
    if not report.held_out:
        console.warn("no example was held out: nothing says how good the model is")
    if report.unknown:
        console.warn(
            f"held-out examples with a label that training did not have: {report.unknown:,}; they count as wrong"
        )
    if report.cut:
        console.warn(f"examples longer than the model takes, which were cut: {report.cut:,}")


def tell(report: FinetuneReport, *, quiet: bool) -> None:
    """What a fine-tuning gave, in two lines."""
    labels = f"{len(report.labels)} labels" if report.labels else "scores"
    frozen = f", {report.frozen:,} of {report.parameters:,} parameters frozen" if report.frozen else ""
    console.note(
        f"{report.path}  {report.task}, {labels}, learned from {console.counted(report.examples, 'example')} in"
        f" {console.counted(report.steps, 'step')} in {report.precision}{frozen}:"
        f" loss {report.losses[0]:.3f} to {report.losses[-1]:.3f}, {report.examples_per_second:,.0f} examples/s",
        quiet=quiet,
    )
    scores = ", ".join(
        f"{name.replace('_', ' ')} {value:.3f}" for name, value in report.scores.items() if value is not None
    )
    if scores:
        scheme = " (BIO)" if report.scores.get("entity_f1") is not None else ""
        console.note(f"on {console.counted(report.held_out, 'example')} held out: {scores}{scheme}", quiet=quiet)
