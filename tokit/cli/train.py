"""`tokit train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    MAX_DOCUMENT,
    ConfigOpt,
    CorpusArg,
    DigitsOpt,
    EngineOpt,
    ErrorsOpt,
    FieldOpt,
    FilesFromOpt,
    FormatOpt,
    HelpParamsOpt,
    JsonOpt,
    MaxDocumentOpt,
    NormalizerOpt,
    OverwriteOpt,
    PreTokenizerOpt,
    QuietOpt,
    SeedOpt,
    SetOpt,
    ThreadsOpt,
    UnitOpt,
    normalizer_names,
    opened_beside_counts,
    set_up,
)
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ops.train import TrainedTokenizer

# SentencePiece keeps a size in 32 bits with a sign.
MAX_VOCAB_SIZE = (1 << 31) - 1
FamilyOpt = Annotated[
    str, typer.Option("-m", "--model", help="word, char, byte, bpe, wordpiece, unigram or spm.", metavar="FAMILY")
]
SizesOpt = Annotated[
    str | None,
    typer.Option("-v", "--vocab-size", help="Size with special tokens; several with commas.", show_default="32000"),
]
CountsOpt = Annotated[
    list[str] | None,
    typer.Option("--counts", help="Train from counts of `tokit count`; may be repeated.", show_default=False),
]
SpecialOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--special-token", metavar="ROLE=TEXT", help="Rename or add one: endoftext, pad, cls, sep, mask, or your own."
    ),
]
TemplateOpt = Annotated[
    str | None,
    typer.Option(
        "--template", help="Tokens around a text: none, bert, eos, or such as 'cls $A sep'.", show_default=False
    ),
]
MinFrequencyOpt = Annotated[
    int | None,
    typer.Option("--min-frequency", help="Leave out what occurs less often.", show_default=False),
]
CoverageOpt = Annotated[
    float | None,
    typer.Option(
        "--character-coverage", min=0, max=1, help="Share of the text the alphabet covers.", show_default=False
    ),
]
FallbackOpt = Annotated[
    bool | None,
    typer.Option("--byte-fallback/--no-byte-fallback", help="Spell unknown characters in bytes.", show_default=False),
]
TrainOutOpt = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="The folder to write; with several sizes one folder a size in it."),
]


def train(
    corpus: CorpusArg = None,
    out: TrainOutOpt = None,
    family: FamilyOpt = "bpe",
    vocab_size: SizesOpt = None,
    counts: CountsOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    digits: DigitsOpt = None,
    min_frequency: MinFrequencyOpt = None,
    character_coverage: CoverageOpt = None,
    byte_fallback: FallbackOpt = None,
    special_token: SpecialOpt = None,
    template: TemplateOpt = None,
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
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Train a tokenizer on a corpus, or on its counts.

    tokit train text/ -m bpe -v 32000 -o tok
    """
    set_up(threads, engine)
    if help_params:
        list_parameters(family)
        return
    if out is None:
        raise UsageError("Missing option '-o' / '--out'", hint="-o tok")
    from tokit.ops.train import train_tokenizer
    from tokit.text.pipeline import PipelineOptions

    text = opened_beside_counts(
        counts,
        corpus,
        unit=unit,
        field=field,
        format_=format_,
        errors=errors,
        max_document=max_document,
        files_from=files_from,
    )
    named = {"min_frequency": min_frequency, "character_coverage": character_coverage, "byte_fallback": byte_fallback}
    with console.progress(quiet=quiet) as tick:
        report = train_tokenizer(
            text,
            out,
            family=family,
            vocab_sizes=parse_sizes(vocab_size),
            pipeline=PipelineOptions(normalizer_names(normalizer), pre_tokenizer, digits),
            counts=counts or (),
            special_tokens=special_token or (),
            template=template,
            settings=family_settings(settings, config, named),
            seed=seed,
            overwrite=overwrite,
            tick=tick,
        )
    for tokenizer in report.tokenizers:
        if tokenizer.fell_short:
            console.warn(f"the corpus fills {tokenizer.vocab_size:,} of the {tokenizer.requested:,} tokens asked for")
    warn_of_broken_text(report.skipped, report.replaced)
    if as_json:
        render.as_json(report)
        return
    for tokenizer in report.tokenizers:
        console.note(describe_tokenizer(tokenizer), quiet=quiet)
    console.note(
        f"from {report.documents:,} documents, {console.human_bytes(report.bytes)}, {report.words:,} distinct words,"
        f" in {report.seconds:.1f} s",
        quiet=quiet,
    )


def describe_tokenizer(tokenizer: TrainedTokenizer) -> str:
    """One line about a trained tokenizer."""
    kept = "lossless" if tokenizer.lossless else f"lossy: {tokenizer.lossy_because}"
    return f"{tokenizer.path}  {tokenizer.family}, {tokenizer.vocab_size:,} tokens, {kept}"


def warn_of_broken_text(skipped: int, replaced: int) -> None:
    """Say how many documents were not UTF-8, when that was allowed."""
    if skipped:
        console.warn(f"{skipped:,} documents were not UTF-8 and were skipped")
    if replaced:
        console.warn(f"{replaced:,} documents were not UTF-8; U+FFFD stands where bytes were broken")


def parse_sizes(value: str | None) -> tuple[int, ...]:
    """`"8000,16000"` → its numbers.

    Raises:
        UsageError: not numbers, or not positive.
    """
    if value is None:
        return ()
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise UsageError(f"--vocab-size {value}: not a number", hint="-v 32000, or -v 8000,16000,32000") from error
    if not 1 <= min(sizes) <= max(sizes) <= MAX_VOCAB_SIZE:
        raise UsageError(f"--vocab-size {value}: not between 1 and {MAX_VOCAB_SIZE:,}", hint="-v 32000")
    return sizes


def family_settings(
    settings: list[str] | None, config: Path | None, named: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The family's parameters out of a TOML file, `--set`, and options of their own; the later win."""
    from tokit.params import parse_settings, read_toml

    values: dict[str, object] = dict(read_toml(config)) if config else {}
    values.update(parse_settings(settings or ()))
    values.update({name: value for name, value in (named or {}).items() if value is not None})
    return values


def list_parameters(family: str) -> None:
    """Print what `--set` takes."""
    from tokit.tokenizer import FAMILIES

    render.parameters(FAMILIES.get(family).Params)
