"""`tokit finetune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import completion
from tokit.cli.card_options import writes_card
from tokit.cli.corpus_options import CORPUS_SECTION, ErrorsOpt, FormatOpt
from tokit.cli.families import FamilyOptions, takes_parameters
from tokit.cli.formatting import counted
from tokit.cli.options import CommandFunction, ModelOpt, OutOpt, OverwriteOpt, ResumeOpt, SeedOpt, set_up, writes_output
from tokit.cli.output import Output, note, say_what_is_awaited, warn, warn_of_bad_text

if TYPE_CHECKING:
    from tokit.ops.finetune import FinetuneReport

# With fewer held-out examples one of them is a tenth of the score.
FEW = 10
DataArg = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA", help="Files of labeled examples, or - for standard input (the default).", show_default=False
    ),
]
TaskOpt = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="classify (label, text), tokens (token and tag a line, an empty line between sentences), or pairs (text,"
        " text, label, or a score with a decimal point).",
        show_default="by the number of columns",
        autocompletion=completion.words("classify", "tokens", "pairs"),
    ),
]
LabelOpt = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="COLUMN",
        help="Column of the label: a number from 1 on (-1 is the last), or a name.",
        show_default="1; of tokens -1; of pairs 3",
    ),
]
TextOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="COLUMN",
        help="Column of the text or token; twice for pairs.",
        show_default="2; of tokens 1; of pairs 1 and 2",
    ),
]
ValidationOpt = Annotated[
    float | None,
    typer.Option(
        "--validation", metavar="X", help="Fraction of the examples to hold out and evaluate on.", show_default="0.1"
    ),
]
HeldOutOpt = Annotated[
    str | None,
    typer.Option("--held-out", metavar="FILE", help="Evaluate on these examples instead.", show_default=False),
]
FreezeOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--freeze",
        metavar="LAYER",
        help="Layer that is not trained: embeddings, or 'encoder.layer.0.*'; may be repeated.",
        show_default=False,
    ),
]
FinetuneNoHeaderOpt = Annotated[
    bool,
    typer.Option(
        "--no-header",
        help="The first row of CSV or TSV is an example; columns have numbers.",
        rich_help_panel=CORPUS_SECTION,
    ),
]
FinetuneCheckpointOpt = Annotated[
    int | None,
    typer.Option(
        "--checkpoint-every",
        metavar="EXAMPLES",
        help="Save the state to OUT.checkpoint after every EXAMPLES examples.",
        show_default=False,
    ),
]
FinetuneThreadsOpt = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Threads to train with; the same number gives the same bytes.",
        show_default="all",
    ),
]


def finetune(
    *,
    data: DataArg = None,
    model: ModelOpt,
    out: OutOpt,
    task: TaskOpt = None,
    label: LabelOpt = None,
    text: TextOpt = None,
    validation: ValidationOpt = None,
    held_out: HeldOutOpt = None,
    family: FamilyOptions,
    freeze: FreezeOpt = None,
    seed: SeedOpt = 0,
    checkpoint_every: FinetuneCheckpointOpt = None,
    resume: ResumeOpt = False,
    threads: FinetuneThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
    format_: FormatOpt = None,
    no_header: FinetuneNoHeaderOpt = False,
    errors: ErrorsOpt = "strict",
) -> None:
    """Fine-tune a language model on labeled examples.

    $ tokit finetune reviews.tsv -m model -o reviews
    $ tokit finetune train.conll -m model --task tokens -o entities
    """
    set_up(threads)
    from tokit.corpus.labeled import Columns
    from tokit.ops.finetune import finetune as finetune_on

    if data in (None, [], ["-"]):
        say_what_is_awaited("labeled examples")
    with output.progress() as tick:
        report = finetune_on(
            model,
            data or ["-"],
            out,
            columns=Columns(task, label, tuple(text or ()), format_, errors, not no_header, note),
            held_out=held_out,
            validation=validation,
            settings=family.settings,
            freeze=freeze or (),
            seed=seed,
            threads=threads,
            checkpoint_every=checkpoint_every,
            resume=resume,
            overwrite=overwrite,
            tick=tick,
        )
    warn_of(report)
    output.result(report)
    for line in summary(report):
        output.note(line)


def finetune_command() -> CommandFunction:
    """The command with the options of its parameters."""
    from tokit.lm.pretrain_params import FinetuneParams

    return takes_parameters(
        writes_card(writes_output(finetune)), "finetune", FinetuneParams, "Parameters of the training"
    )


finetune.complete = finetune_command  # type: ignore[attr-defined]


def warn_of(report: FinetuneReport) -> None:
    """Warn of what makes the scores less sure."""
    if not report.held_out:
        warn("no example was held out: there are no scores")
    elif report.held_out < FEW:
        warn(f"only {counted(report.held_out, 'example')} held out: the scores say little; --validation, --held-out")
    warn_of_bad_text(report)
    if report.skipped_lines:
        warn(f"lines of CoNLL-U that are no words (ranges and empty nodes) were skipped: {report.skipped_lines:,}")
    if report.unknown:
        warn(f"held-out examples with a label that training did not have: {report.unknown:,}; they count as wrong")
    if report.truncated:
        warn(f"examples longer than the model takes, which were truncated: {report.truncated:,}")


def summary(report: FinetuneReport) -> list[str]:
    """The result of a fine-tuning, in one line or two."""
    labels = f"{len(report.labels)} labels" if report.labels else "scores"
    frozen = f", {report.frozen:,} of {report.parameters:,} parameters frozen" if report.frozen else ""
    lines = [
        f"{report.path}  {report.task}, {labels}, learned from {counted(report.examples, 'example')} in"
        f" {counted(report.steps, 'step')} in {report.precision}{frozen}:"
        f" loss {report.losses[0]:.3f} to {report.losses[-1]:.3f}, {report.examples_per_second:,.0f} examples/s"
    ]
    scores = ", ".join(
        f"{name.replace('_', ' ')} {value:.3f}" for name, value in report.scores.items() if value is not None
    )
    if scores:
        scheme = " (BIO)" if report.scores.get("entity_f1") is not None else ""
        lines.append(f"on {counted(report.held_out, 'held-out example')}: {scores}{scheme}")
    return lines
