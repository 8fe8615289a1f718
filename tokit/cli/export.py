"""`tokit export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import JsonOpt, QuietOpt
from tokit.errors import UsageError
from tokit.registry import did_you_mean

ArtifactArg = Annotated[
    Path,
    typer.Argument(help="The folder of an embedding or of a language model.", metavar="ARTIFACT", show_default=False),
]
ToOpt = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="fasttext (.bin, n-grams included), word2vec (text), word2vec-binary, glove, or npy and a list of words;"
        " onnx or positions (.npz or .npy) for a language model.",
        show_default=False,
    ),
]
FileOpt = Annotated[Path, typer.Option("-o", "--out", help="The file, or folder, to write.", show_default=False)]
VerifyOpt = Annotated[
    bool, typer.Option("--verify", help="Load it back in the libraries it is for; exit 3 if a vector differs.")
]
Int8Opt = Annotated[
    bool, typer.Option("--int8", help="With onnx: also with matrices in int8, and how far that moves vectors.")
]
KindOpt = Annotated[
    str | None,
    typer.Option("--kind", help="Of positions: sinusoidal, learned, rotary or alibi.", show_default="the model's own"),
]
LengthOpt = Annotated[
    int | None,
    typer.Option("--length", help="So many positions.", show_default="as many as the model has"),
]
ONNX, POSITIONS = "onnx", "positions"
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace a file of the same format.")]


def export(
    artifact: ArtifactArg,
    to: ToOpt,
    out: FileOpt,
    int8: Int8Opt = False,
    verify: VerifyOpt = False,
    kind: KindOpt = None,
    length: LengthOpt = None,
    overwrite: ReplaceOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Write an embedding's vectors as a file of another tool, or a language model for ONNX Runtime.

    tokit export emb --to fasttext -o emb.bin --verify

    tokit export model --to onnx -o model-onnx --verify; echo "the sea" | tokit embed -e model-onnx

    Only tokens that the training text has are written, frequent ones first. Words of a .bin are the tokens' texts, a
    space before them included. In other formats pieces of a subword tokenizer have the names of its file (Ġking).
    With onnx, a name that ends in .onnx gives a file, any other a folder that `tokit embed` opens without torch.
    --to positions writes how a language model tells positions apart, as arrays: a table (positions), cosines and sines
    (cos, sin), or slopes and the bias that is added to products (slopes, bias).
    """
    check_options(to, int8=int8, verify=verify, kind=kind, length=length)
    if to == ONNX:
        _export_onnx(artifact, out, int8=int8, verify=verify, overwrite=overwrite, as_json=as_json, quiet=quiet)
        return
    if to == POSITIONS:
        _export_positions(artifact, out, kind, length, overwrite=overwrite, as_json=as_json, quiet=quiet)
        return
    from tokit.ops.export import export_embedding

    with console.progress(quiet=quiet) as tick:
        report = export_embedding(artifact, out, to=to, verify=verify, overwrite=overwrite, tick=tick)
    for message in report.notes:
        console.warn(message)
    if as_json:
        render.as_json(report)
        return
    ngrams = f", {report.ngrams:,} n-grams" if report.ngrams else ""
    beside = f"; words in {report.word_list}" if report.word_list else ""
    verified = f"; the same in {' and '.join(report.verified_by)}" if report.verified_by else ""
    console.note(
        f"{report.path}  {report.format}, {report.words:,} words{ngrams}, {report.dim} dimensions{beside}{verified}",
        quiet=quiet,
    )


def check_options(to: str, *, int8: bool, verify: bool, kind: str | None, length: int | None) -> None:
    """Refuse an unknown format, and options that are for another one.

    Raises:
        UsageError: one of them was given.
    """
    from tokit.embedding.formats import WRITABLE

    if to not in WRITABLE and to not in (ONNX, POSITIONS):
        raise UsageError(f"unknown {WRITABLE.kind} '{to}'", hint=did_you_mean(to, [*WRITABLE, ONNX, POSITIONS]))
    if int8 and to != ONNX:
        raise UsageError("--int8 is for --to onnx", hint="leave --int8 out")
    if verify and to == POSITIONS:
        raise UsageError("--verify is for vectors of words, not for positions", hint="leave --verify out")
    if to != POSITIONS and (kind is not None or length is not None):
        raise UsageError("--kind and --length are for --to positions", hint="leave them out")


def _export_onnx(
    artifact: Path, out: Path, *, int8: bool, verify: bool, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    """Write a language model, and say what came of it."""
    from tokit.ops.export_onnx import export_model

    report = export_model(artifact, out, int8=int8, verify=verify, overwrite=overwrite)
    if as_json:
        render.as_json(report)
        return
    verified = "" if report.difference is None else f"; as in torch but for {report.difference:.1g}"
    console.note(
        f"{report.path}  {report.format}, {report.family}, {report.dim} dimensions, {report.bytes:,} bytes{verified}",
        quiet=quiet,
    )
    if report.int8_bytes is not None:
        console.note(
            f"in int8 {report.int8_bytes:,} bytes; cosine with float32 {report.int8_cosine:.4f} in the mean,"
            f" {report.int8_lowest_cosine:.4f} at the lowest",
            quiet=quiet,
        )


def _export_positions(
    model: Path, out: Path, kind: str | None, length: int | None, *, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    from tokit.lm.positions import export_positions

    report = export_positions(model, out, kind=kind, length=length, overwrite=overwrite)
    if as_json:
        render.as_json(report)
        return
    arrays = ", ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in report.arrays.items())
    settings = ", ".join(f"{name} {value:g}" for name, value in report.settings.items())
    console.note(f"{report.path}  {report.kind} positions: {arrays} ({settings})", quiet=quiet)
