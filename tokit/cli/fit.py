"""`tokit fit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    MAX_DOCUMENT,
    ConfigOpt,
    CorpusArg,
    ErrorsOpt,
    FieldOpt,
    FilesFromOpt,
    FormatOpt,
    HelpParamsOpt,
    JsonOpt,
    MaxDocumentOpt,
    OverwriteOpt,
    QuietOpt,
    SeedOpt,
    SetOpt,
    UnitOpt,
    opened,
    set_up,
)
from tokit.cli.train import family_settings, warn_of_broken_text
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ops.start import StartReport

FamilyArg = Annotated[
    str, typer.Argument(help="skipgram, cbow, fasttext, glove or svd.", metavar="FAMILY", show_default=False)
]
FitTokenizerOpt = Annotated[
    Optional[str],  # noqa: UP045 - typer reads it at run time; --help-params needs none
    typer.Option("-t", "--tokenizer", help="A tokenizer folder, or a file of another tool."),
]
FitOutOpt = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--out", help="The folder to write."),
]
DimOpt = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("-d", "--dim", help="Columns of the vectors.", show_default="128, or those of --from"),
]
FromOpt = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--from", metavar="ARTIFACT",
        help="Begin with the vectors of an embedding, fitted or imported; without -t its tokenizer is used.",
        show_default=False,
    ),
]  # fmt: skip
FitThreadsOpt = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--threads", min=1, help="Threads to train with; only 1 gives the same bytes every time.", show_default="all"
    ),
]
FitEngineOpt = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--engine",
        help="kernels, or reference: gensim trains (skipgram, cbow, fasttext), to other vectors of the same quality.",
        show_default="kernels",
    ),
]

DeterministicOpt = Annotated[
    bool,
    typer.Option("--deterministic", help="The same bytes for any number of threads: one of them trains."),
]

CheckpointOpt = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--checkpoint-every", metavar="TOKENS", help="Keep the state in OUT.checkpoint every so many tokens.",
        show_default=False,
    ),
]  # fmt: skip
ResumeOpt = Annotated[bool, typer.Option("--resume", help="Go on from OUT.checkpoint, when there is one.")]


def fit(
    family: FamilyArg,
    corpus: CorpusArg = None,
    tokenizer: FitTokenizerOpt = None,
    dim: DimOpt = None,
    out: FitOutOpt = None,
    from_: FromOpt = None,
    settings: SetOpt = None,
    config: ConfigOpt = None,
    help_params: HelpParamsOpt = False,
    unit: UnitOpt = None,
    field: FieldOpt = None,
    format_: FormatOpt = None,
    errors: ErrorsOpt = "strict",
    max_document: MaxDocumentOpt = MAX_DOCUMENT,
    files_from: FilesFromOpt = None,
    seed: SeedOpt = 0,
    threads: FitThreadsOpt = None,
    deterministic: DeterministicOpt = False,
    engine: FitEngineOpt = None,
    checkpoint_every: CheckpointOpt = None,
    resume: ResumeOpt = False,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Fit an embedding on the ids of a corpus.

    tokit fit skipgram text/ -t tok -d 128 -o emb

    tokit fit skipgram more-text/ --from emb -o emb2
    """
    set_up(threads, engine)
    if help_params:
        list_parameters(family)
        return
    no_tokenizer = tokenizer is None and from_ is None
    if no_tokenizer or out is None:
        missing, example = ("'-t' / '--tokenizer'", "-t tok") if no_tokenizer else ("'-o' / '--out'", "-o emb")
        raise UsageError(f"Missing option {missing}", hint=example)
    from tokit.ops.fit import fit_embedding

    text = opened(
        corpus, unit=unit, field=field, format_=format_, errors=errors, max_document=max_document, files_from=files_from
    )
    with console.progress(quiet=quiet) as tick:
        report = fit_embedding(
            text,
            tokenizer,
            out,
            family=family,
            dim=dim,
            settings=family_settings(settings, config),
            start=from_,
            seed=seed,
            threads=threads,
            deterministic=deterministic,
            checkpoint_every=checkpoint_every,
            resume=resume,
            overwrite=overwrite,
            tick=tick,
        )
    for message in report.notes:
        console.warn(message)
    warn_of_broken_text(report.skipped, report.replaced)
    if report.start and not report.start.given:
        console.warn(f"no token of the text has a vector in {report.start.path}: all of them began at random")
    if as_json:
        render.as_json(report)
        return
    loss = f", loss {report.losses[0]:.3f} to {report.losses[-1]:.3f}" if report.losses else ""
    console.note(
        f"{report.path}  {report.family}, {report.tokens_seen:,} of {report.vocab_size:,} tokens seen,"
        f" {report.dim} dimensions{loss}",
        quiet=quiet,
    )
    console.note(
        f"from {report.documents:,} documents, {report.tokens:,} tokens, at {report.words_per_second:,.0f} words/s",
        quiet=quiet,
    )
    if report.start:
        console.note(begun_with(report.start), quiet=quiet)


def begun_with(start: StartReport) -> str:
    """What a training began with, in a line."""
    how = "" if start.matched == "id" else ", found by their text"
    return (
        f"began with {start.path}: {start.given:,} of the text's tokens had a vector there{how}"
        f" ({100 * start.share:.1f} % of the text), {start.random:,} began at random; {start.kept:,} others keep theirs"
    )


def list_parameters(family: str) -> None:
    """Print what `--set` takes."""
    from tokit.embedding import EMBEDDINGS

    render.parameters(EMBEDDINGS.get(family).Params)
