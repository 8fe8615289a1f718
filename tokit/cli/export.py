"""`tokit export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokit.cli import completion
from tokit.cli.card_options import writes_card
from tokit.cli.options import writes_output
from tokit.cli.output import Output, warn
from tokit.errors import UsageError
from tokit.registry import did_you_mean

ArtifactArg = Annotated[
    Path, typer.Argument(help="Folder of an embedding or of a language model.", metavar="ARTIFACT", show_default=False)
]
ToOpt = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="Of an embedding: fasttext (.bin with n-grams), word2vec (text), word2vec-binary, glove, npy (and a list"
        " of words), projector (two .tsv files for TensorBoard). Of a language model: onnx, positions (.npz or .npy).",
        show_default=False,
        autocompletion=completion.export_formats,
    ),
]
FileOpt = Annotated[
    Path, typer.Option("-o", "--out", metavar="PATH", help="File or folder to write.", show_default=False)
]
NamesOpt = Annotated[
    str | None,
    typer.Option(
        "--names",
        metavar="NAMES",
        help="words (river), or tokens, as the tokenizer's file names them (Ġriver).",
        show_default="words",
        autocompletion=completion.words("words", "tokens"),
    ),
]
VerifyOpt = Annotated[
    bool, typer.Option("--verify", help="Read it back with the libraries it is for; exit 3 if a vector differs.")
]
Int8Opt = Annotated[
    bool, typer.Option("--int8", help="With onnx: also write int8 weights, and report how much vectors change.")
]
KindOpt = Annotated[
    str | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="With positions: sinusoidal, learned, rotary or alibi.",
        show_default="that of the model",
        autocompletion=completion.words("sinusoidal", "learned", "rotary", "alibi"),
    ),
]
LengthOpt = Annotated[
    int | None,
    typer.Option(
        "--length", metavar="N", help="With positions: number of positions.", show_default="that of the model"
    ),
]
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace a file of the same format.")]
ONNX, POSITIONS, PROJECTOR = "onnx", "positions", "projector"
WORDS = "words"


@writes_card
@writes_output
def export(
    *,
    artifact: ArtifactArg,
    to: ToOpt,
    out: FileOpt,
    names: NamesOpt = None,
    verify: VerifyOpt = False,
    int8: Int8Opt = False,
    kind: KindOpt = None,
    length: LengthOpt = None,
    overwrite: ReplaceOpt = False,
    output: Output,
) -> None:
    """Write vectors as a file of another tool, or a language model for ONNX Runtime.

    $ tokit export emb --to fasttext -o emb.bin --verify
    $ tokit export emb --to projector -o projector
    $ tokit export model --to onnx -o model-onnx --verify
    $ tokit export model --to positions -o positions.npz

    Of an embedding only tokens that the training text has are written, the most frequent first, as words: without
    the space or mark at their start or end. Of tokens that are the same word the one that starts a word is written
    (Ġking before king, king before ##king), then the most frequent.

    With onnx, a name that ends in .onnx gives a file, any other a folder that `tokit embed` opens without torch.

    With positions the arrays are a table (positions), cosines and sines (cos, sin), or slopes and the bias that is
    added to attention scores (slopes, bias).
    """
    check_options(to, names=names, int8=int8, verify=verify, kind=kind, length=length)
    if to == ONNX:
        _export_onnx(artifact, out, int8=int8, verify=verify, overwrite=overwrite, output=output)
    elif to == PROJECTOR:
        _export_projector(artifact, out, names or WORDS, overwrite=overwrite, output=output)
    elif to == POSITIONS:
        _export_positions(artifact, out, kind, length, overwrite=overwrite, output=output)
    else:
        _export_vectors(artifact, out, to, names or WORDS, verify=verify, overwrite=overwrite, output=output)


def check_options(
    to: str, *, names: str | None, int8: bool, verify: bool, kind: str | None, length: int | None
) -> None:
    """Refuse an unknown format, and options of another one.

    Raises:
        UsageError: one of them was given.
    """
    from tokit.embedding.formats import WRITABLE
    from tokit.ops.export import FOLDER_FORMATS, MODEL_FORMATS

    formats = [*WRITABLE, *FOLDER_FORMATS, *MODEL_FORMATS]
    if to not in formats:
        raise UsageError(f"unknown format '{to}'", hint=did_you_mean(to, formats))
    if names is not None and to in MODEL_FORMATS:
        raise UsageError(f"--names is for vectors of words, not for {to}", hint="omit --names")
    if int8 and to != ONNX:
        raise UsageError("--int8 is for --to onnx", hint="omit --int8")
    if verify and to in (POSITIONS, PROJECTOR):
        raise UsageError(f"--verify is not for --to {to}", hint="omit --verify")
    if to != POSITIONS and (kind is not None or length is not None):
        raise UsageError("--kind and --length are for --to positions", hint="omit them")


def _export_vectors(
    artifact: Path, out: Path, to: str, names: str, *, verify: bool, overwrite: bool, output: Output
) -> None:
    from tokit.ops.export import export_embedding

    with output.progress() as tick:
        report = export_embedding(artifact, out, to=to, names=names, verify=verify, overwrite=overwrite, tick=tick)
    for message in report.notes:
        warn(message)
    output.result(report)
    ngrams = f", {report.ngrams:,} n-grams" if report.ngrams else ""
    beside = f"; words in {report.word_list}" if report.word_list else ""
    verified = f"; equal in {' and '.join(report.verified_by)}" if report.verified_by else ""
    output.note(
        f"{report.path}  {report.format}, {report.words:,} words{ngrams}, {report.dim} dimensions{beside}{verified}"
    )


def _export_projector(artifact: Path, out: Path, names: str, *, overwrite: bool, output: Output) -> None:
    from tokit.ops.export_projector import export_projector

    with output.progress() as tick:
        report = export_projector(artifact, out, names=names, overwrite=overwrite, tick=tick)
    for message in report.notes:
        warn(message)
    output.result(report)
    output.note(
        f"{' and '.join(report.files)}  {report.words:,} words, {report.dim} dimensions; load both at"
        " projector.tensorflow.org"
    )


def _export_onnx(artifact: Path, out: Path, *, int8: bool, verify: bool, overwrite: bool, output: Output) -> None:
    from tokit.ops.export_onnx import export_model

    report = export_model(artifact, out, int8=int8, verify=verify, overwrite=overwrite)
    output.result(report)
    verified = "" if report.difference is None else f"; equal to torch within {report.difference:.1g}"
    output.note(
        f"{report.path}  {report.format}, {report.family}, {report.dim} dimensions, {report.bytes:,} bytes{verified}"
    )
    if report.int8_bytes is not None:
        output.note(
            f"in int8 {report.int8_bytes:,} bytes; cosine with float32 {report.int8_cosine:.4f} on average,"
            f" {report.int8_lowest_cosine:.4f} at the lowest"
        )


def _export_positions(
    model: Path, out: Path, kind: str | None, length: int | None, *, overwrite: bool, output: Output
) -> None:
    from tokit.ops.export_positions import export_positions

    report = export_positions(model, out, kind=kind, length=length, overwrite=overwrite)
    output.result(report)
    arrays = ", ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in report.arrays.items())
    settings = ", ".join(f"{name} {value:g}" for name, value in report.settings.items())
    output.note(f"{report.path}  {report.kind} positions: {arrays} ({settings})")
