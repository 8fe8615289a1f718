"""`tokit fit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from tokit.registry import did_you_mean

if TYPE_CHECKING:
    from tokit.embedding.matching_rows import WarmStartReport
    from tokit.lm.initialize import InitReport
    from tokit.lm.pretraining_fit import PretrainReport

FamilyArg = Annotated[
    str,
    typer.Argument(
        help="skipgram, cbow, fasttext, glove or svd; bert, modernbert, llama or lstm.",
        metavar="FAMILY",
        show_default=False,
    ),
]
FitTokenizerOpt = Annotated[
    str | None,
    typer.Option("-t", "--tokenizer", help="A tokenizer folder, or a file of another tool."),
]
FitOutOpt = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="The folder to write."),
]
DimOpt = Annotated[
    int | None,
    typer.Option("-d", "--dim", help="Columns of the vectors.", show_default="128, or those of --from"),
]
FromOpt = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="ARTIFACT",
        help="Begin with the vectors of an embedding, fitted or imported, or with a language model's checkpoint;"
        " without -t its tokenizer is used.",
        show_default=False,
    ),
]  # fmt: skip
FitThreadsOpt = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, help="Threads to train with; only 1 gives the same bytes every time.", show_default="all"
    ),
]
FitEngineOpt = Annotated[
    str | None,
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
    int | None,
    typer.Option(
        "--checkpoint-every", metavar="TOKENS", help="Keep the state in OUT.checkpoint every so many tokens.",
        show_default=False,
    ),
]  # fmt: skip
SizeOpt = Annotated[
    str | None,
    typer.Option("--size", help="Of a language model: tiny, mini, small or base.", show_default="mini"),
]
MinutesOpt = Annotated[
    float | None,
    typer.Option("--minutes", help="Of a language model: time for the whole training.", show_default=False),
]
InitOpt = Annotated[
    Path | None,
    typer.Option(
        "--init-embeddings", metavar="ARTIFACT",
        help="Of a new language model: put the vectors of a static embedding into its table of tokens.",
        show_default=False,
    ),
]  # fmt: skip
FreezeOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--freeze", metavar="LAYER",
        help="Of a language model: a layer that stays as it is, by name or glob: embeddings, 'encoder.layer.0.*'.",
        show_default=False,
    ),
]  # fmt: skip
SentenceOpt = Annotated[
    str | None,
    typer.Option(
        "--sentence", metavar="simcse",
        help="With --from a language model: a stage that learns vectors of documents, and predicts no tokens.",
        show_default=False,
    ),
]  # fmt: skip
ResumeOpt = Annotated[bool, typer.Option("--resume", help="Go on from OUT.checkpoint, when there is one.")]


def fit(
    family: FamilyArg,
    corpus: CorpusArg = None,
    tokenizer: FitTokenizerOpt = None,
    dim: DimOpt = None,
    size: SizeOpt = None,
    minutes: MinutesOpt = None,
    out: FitOutOpt = None,
    from_: FromOpt = None,
    init_embeddings: InitOpt = None,
    freeze: FreezeOpt = None,
    sentence: SentenceOpt = None,
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
    contextual = is_contextual_family(family)
    no_tokenizer = tokenizer is None and from_ is None and init_embeddings is None
    if no_tokenizer or out is None:
        missing, example = ("'-t' / '--tokenizer'", "-t tok") if no_tokenizer else ("'-o' / '--out'", "-o emb")
        raise UsageError(f"Missing option {missing}", hint=example)
    text = opened(
        corpus, unit=unit, field=field, format_=format_, errors=errors, max_document=max_document, files_from=files_from
    )
    if contextual:
        from tokit.lm.plan import InitOptions
        from tokit.ops.fit import pretrain

        refuse_options(family, {"--dim": dim, "--deterministic": deterministic, "--engine": engine})
        with console.progress(quiet=quiet) as tick:
            trained = pretrain(
                text,
                tokenizer,
                out,
                family=family,
                size=size,
                settings=family_settings(settings, config),
                init=InitOptions(from_, init_embeddings, tuple(freeze or ())),
                sentence=sentence,
                minutes=minutes,
                seed=seed,
                threads=threads,
                checkpoint_every=checkpoint_every,
                resume=resume,
                overwrite=overwrite,
                tick=tick,
            )
        tell_contextual(trained, as_json=as_json, quiet=quiet)
        return
    refuse_options(
        family,
        {
            "--size": size, "--minutes": minutes, "--init-embeddings": init_embeddings, "--freeze": freeze,
            "--sentence": sentence,
        },
    )  # fmt: skip
    from tokit.ops.fit import fit_embedding

    with console.progress(quiet=quiet) as tick:
        report = fit_embedding(
            text,
            tokenizer,
            out,
            family=family,
            dim=dim,
            settings=family_settings(settings, config),
            warm_start=from_,
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
    if report.warm_start and not report.warm_start.initialized:
        console.warn(f"no token of the text has a vector in {report.warm_start.path}: all of them are random")
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
    if report.warm_start:
        console.note(begun_with(report.warm_start), quiet=quiet)


def begun_with(start: WarmStartReport) -> str:
    """A line about a warm start."""
    by = "" if start.matched == "id" else ", found by their text"
    return (
        f"initialized from {start.path}: {start.initialized:,} of the text's tokens have a vector there{by}"
        f" ({100 * start.fraction:.1f} % of the text), {start.random:,} are random;"
        f" {start.unchanged:,} others keep theirs"
    )


def model_begun_with(init: InitReport) -> str:
    """A line about the initial weights of a language model."""
    by = "by id" if init.matched == "id" else "by their text"
    line = f"initialized from {init.path}: {init.initialized:,} tokens have a row there, found {by}"
    if init.random:
        line += f", {init.random:,} are random"
    if init.resized == "projected":
        line += f"; its {init.dim} dimensions were projected onto their principal components"
    elif init.resized == "padded":
        line += f"; dimensions beyond its {init.dim} are random"
    if init.missing:
        rest = f" and {len(init.missing) - 1} more" if len(init.missing) > 1 else ""
        line += f"; it has no {init.missing[0]}{rest}: the head is random"
    return line


def list_parameters(family: str) -> None:
    """Print what `--set` takes."""
    from tokit.embedding import EMBEDDINGS
    from tokit.lm import language_model_family

    kind = language_model_family(family) if is_contextual_family(family) else EMBEDDINGS.get(family)
    render.parameters(kind.Params)


def is_contextual_family(family: str) -> bool:
    """Whether a family is one of language models.

    Raises:
        UsageError: it is none at all.
    """
    from tokit.embedding import EMBEDDINGS
    from tokit.lm import LANGUAGE_MODELS

    if family not in EMBEDDINGS and family not in LANGUAGE_MODELS:
        raise UsageError(f"unknown embedding '{family}'", hint=did_you_mean(family, [*EMBEDDINGS, *LANGUAGE_MODELS]))
    return family in LANGUAGE_MODELS


def refuse_options(family: str, options: dict[str, object]) -> None:
    """Refuse options that say nothing to a family.

    Raises:
        UsageError: one of them was given.
    """
    given = [name for name, value in options.items() if value]
    if given:
        raise UsageError(f"{family} takes no {given[0]}", hint=f"tokit fit {family} --help-params lists what it takes")


def tell_contextual(report: PretrainReport, *, as_json: bool, quiet: bool) -> None:
    """What a pre-training gave, for people or programs."""
    for message in report.notes:
        console.warn(message)
    warn_of_broken_text(report.skipped, report.replaced)
    if as_json:
        render.as_json(report)
        return
    console.note(
        f"{report.path}  {report.family}, {report.parameters:,} parameters: {report.layers} layers,"
        f" {report.dim} dimensions, {report.vocab_size:,} tokens",
        quiet=quiet,
    )
    if report.opens_in == ("tokit",):
        console.note("it opens in tokit alone; in ONNX Runtime after 'tokit export --to onnx'", quiet=quiet)
    early = ", stopped early" if report.stopped_early else ""
    console.note(
        f"from {console.counted(report.documents, 'document')}, {report.tokens:,} tokens:"
        f" {console.counted(report.steps, 'step')} in {report.precision},"
        f" {report.tokens_per_second:,.0f} tokens/s{early}",
        quiet=quiet,
    )
    if report.init:
        console.note(model_begun_with(report.init), quiet=quiet)
    if report.frozen:
        console.note(f"{report.frozen:,} of the parameters were frozen", quiet=quiet)
    tell_held_out(report, quiet=quiet)


def tell_held_out(report: PretrainReport, *, quiet: bool) -> None:
    """How good a model is on documents that were held out, in a line; nothing when none were."""
    measured = []
    if report.held_out_loss is not None:
        first = report.evaluations[0]
        measured.append(f"loss {first['loss']:.3f} after step {first['step']:,}, {report.held_out_loss:.3f} in the end")
    if report.bits_per_byte is not None:
        measured.append(f"{report.bits_per_byte:.3f} bits per byte")
    if report.pseudo_bits_per_byte is not None:
        measured.append(f"{report.pseudo_bits_per_byte:.3f} pseudo-likelihood bits per byte")
    if measured:
        console.note(f"on documents held out: {', '.join(measured)}", quiet=quiet)
