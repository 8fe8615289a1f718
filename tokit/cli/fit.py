"""`tokit fit FAMILY`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.card_options import writes_card
from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.families import FamilyGroup, FamilyOptions, takes_parameters
from tokit.cli.fit_report import show_model, show_static
from tokit.cli.options import CommandFunction, OutOpt, OverwriteOpt, ResumeOpt, SeedOpt, set_up, writes_output
from tokit.cli.output import Output
from tokit.embedding import EMBEDDINGS
from tokit.errors import UsageError
from tokit.lm import LANGUAGE_MODEL_PARAMS, LANGUAGE_MODELS

if TYPE_CHECKING:
    from tokit.corpus import Corpus
    from tokit.tokenizer.training_text import ShardsText

FitTokenizerOpt = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="TOK",
        help="Tokenizer: a folder, or a file of another tool.",
        show_default="that of --from, or of shards",
    ),
]
DimOpt = Annotated[
    int | None,
    typer.Option("-d", "--dim", metavar="N", help="Dimension of the vectors.", show_default="128, or that of --from"),
]
FromOpt = Annotated[
    Path | None,
    typer.Option("--from", metavar="EMB", help="Warm start from the vectors of another embedding.", show_default=False),
]
CheckpointOpt = Annotated[
    int | None,
    typer.Option(
        "--checkpoint-every",
        metavar="TOKENS",
        help="Save the state to OUT.checkpoint after every TOKENS tokens.",
        show_default=False,
    ),
]
FitThreadsOpt = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Threads to train with; only one gives the same bytes every time.",
        show_default="all",
    ),
]
DeterministicOpt = Annotated[
    bool, typer.Option("--deterministic", help="Train on one thread: the same bytes for any --threads.")
]
FitEngineOpt = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="kernels, or reference: gensim trains other vectors of the same quality (skipgram, cbow, fasttext).",
        show_default="kernels",
        autocompletion=completion.words("kernels", "reference"),
    ),
]
SizeOpt = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="tiny|mini|small|base",
        help="Layers, hidden size and attention heads of a new model.",
        show_default="mini",
        autocompletion=completion.words("tiny", "mini", "small", "base"),
    ),
]
MinutesOpt = Annotated[
    float | None, typer.Option("--minutes", metavar="X", help="Time limit of the whole training.", show_default=False)
]
FromModelOpt = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="MODEL", help="Continue from the checkpoint of a language model.", show_default=False
    ),
]
InitOpt = Annotated[
    Path | None,
    typer.Option(
        "--init-embeddings",
        metavar="EMB",
        help="Initialize the input embeddings of a new model from a static embedding.",
        show_default=False,
    ),
]
FreezeOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--freeze",
        metavar="LAYER",
        help="Layer that is not trained, by name or glob: embeddings, 'encoder.layer.0.*'; may be repeated.",
        show_default=False,
    ),
]
SentenceOpt = Annotated[
    str | None,
    typer.Option(
        "--sentence",
        metavar="simcse",
        help="With --from: train vectors of documents (SimCSE) in place of predicting tokens.",
        show_default=False,
        autocompletion=completion.words("simcse"),
    ),
]
ModelThreadsOpt = Annotated[
    int | None, typer.Option("--threads", min=1, metavar="N", help="Threads to train with.", show_default="all")
]


def fit_static(
    *,
    corpus: CorpusOptions,
    tokenizer: FitTokenizerOpt = None,
    out: OutOpt,
    dim: DimOpt = None,
    family: FamilyOptions,
    from_: FromOpt = None,
    deterministic: DeterministicOpt = False,
    engine: FitEngineOpt = None,
    checkpoint_every: CheckpointOpt = None,
    resume: ResumeOpt = False,
    seed: SeedOpt = 0,
    threads: FitThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Fit a static embedding of one family."""
    set_up(threads, engine)
    text = corpus.open_training_text()
    require_tokenizer(family.family, text, tokenizer, from_)
    from tokit.ops.fit import fit_embedding

    with output.progress() as tick:
        report = fit_embedding(
            text,
            tokenizer,
            out,
            family=family.family,
            dim=dim,
            settings=family.settings,
            warm_start=from_,
            seed=seed,
            threads=threads,
            deterministic=deterministic,
            checkpoint_every=checkpoint_every,
            resume=resume,
            overwrite=overwrite,
            tick=tick,
        )
    show_static(report, output)


def fit_model(
    *,
    corpus: CorpusOptions,
    tokenizer: FitTokenizerOpt = None,
    out: OutOpt,
    size: SizeOpt = None,
    minutes: MinutesOpt = None,
    family: FamilyOptions,
    from_: FromModelOpt = None,
    init_embeddings: InitOpt = None,
    freeze: FreezeOpt = None,
    sentence: SentenceOpt = None,
    checkpoint_every: CheckpointOpt = None,
    resume: ResumeOpt = False,
    seed: SeedOpt = 0,
    threads: ModelThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Pre-train a language model of one family."""
    set_up(threads)
    text = corpus.open_training_text()
    require_tokenizer(family.family, text, tokenizer, from_, init_embeddings)
    from tokit.lm.plan import InitOptions
    from tokit.ops.fit import pretrain

    with output.progress() as tick:
        report = pretrain(
            text,
            tokenizer,
            out,
            family=family.family,
            size=size,
            settings=family.settings,
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
    show_model(report, output)


def require_tokenizer(family: str, text: Corpus | ShardsText, tokenizer: str | None, *artifacts: Path | None) -> None:
    """Check that a tokenizer is named, or an artifact that has one.

    Raises:
        UsageError: it is not.
    """
    if tokenizer is None and not any(artifacts) and not hasattr(text, "tokenizer"):
        raise UsageError("Missing option '-t' / '--tokenizer'", hint=f"tokit fit {family} text/ -t tok -o emb")


def fit_command(family: str) -> CommandFunction:
    """The function of `tokit fit FAMILY`."""
    static = family in EMBEDDINGS
    if static:
        # The family's module imports it too, from a depth of the stack at which that takes longer: see `main.execute`.
        import numpy  # noqa: F401
    registry: Any = EMBEDDINGS if static else LANGUAGE_MODELS
    params = EMBEDDINGS.get(family).Params if static else LANGUAGE_MODEL_PARAMS.get(family)
    function = fit_static if static else fit_model
    command = takes_parameters(
        writes_card(writes_output(takes_corpus(function))), family, params, f"Parameters of {family}"
    )
    example = "-d 100 -o emb" if static else "--size mini --minutes 10 -o model"
    command.__doc__ = f"""{registry.summary(family)}.

    $ tokit fit {family} text/ -t tok {example}
    """
    return command


fit = FamilyGroup(
    "fit",
    kind="embedding",
    families={"Static embeddings": EMBEDDINGS, "Language models": LANGUAGE_MODELS},
    command=fit_command,
    help="""Fit an embedding on the ids of a corpus.

    $ tokit fit skipgram text/ -t tok -d 128 -o emb
    $ tokit fit bert text/ -t tok --size mini --minutes 10 -o model
    """,
)
