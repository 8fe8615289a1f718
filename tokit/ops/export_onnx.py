"""`tokit export MODEL --to onnx`: a language model as a graph that ONNX Runtime computes, without torch.

A name that ends in `.onnx` gives a file for other programs; any other a folder, in which the tokenizer lies beside the
model, and which `tokit embed` opens.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tokit.arrays import FloatArray, Ids
from tokit.errors import ArtifactError, CheckError
from tokit.lm import require_lm_extra
from tokit.lm.contextual_embedder import ContextualEmbedder, is_language_model, open_contextual_embedder, refuse_missing
from tokit.lm.folder.tokenizer_files import write_model_tokenizer
from tokit.lm.onnx.onnx_encoder import INT8, PLAIN, load_onnx_encoder
from tokit.runtime.threads import thread_count
from tokit.storage.files import check_file, writing_file
from tokit.storage.folder import check_target, kind_of, read_manifest, sha256_file, writing
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest

if TYPE_CHECKING:
    from tokit.lm.torch_encoder import TorchEncoder

FORMATS = ("onnx",)
FILE = ".onnx"
# How far a number may be from torch's.
NEAR = 1e-4
# What is compared: texts of many lengths, some of one length, one of them longer than any model takes.
SENTENCES = (
    "The river rose in the night, and by 6 o'clock the water stood at the old bank's door; nobody slept. "
    "“Where is the boat?” asked Zoë — her brother had taken it to Ångström's mill, 12 km away, for 日本語 books & tea."
)
WORDS = SENTENCES.split()
TEXTS = ["", *[" ".join(WORDS[first : first + count]) for count in (1, 2, 3, 5, 8, 13, 21, 34) for first in (0, 5, 9)]]
LONG = " ".join(WORDS * 60)


@dataclass(frozen=True, slots=True)
class OnnxReport:
    """What exporting gave.

    Attributes:
        path: The file or folder.
        format: Always "onnx".
        family: Of the model.
        dim: Columns of a token's vector.
        context: Tokens of a document that tokit gives the model.
        bytes: Of the model in float32, or of the file.
        int8_bytes: Of the model in int8.
        difference: The largest between a number of ONNX Runtime's and torch's, if it was asked for.
        int8_cosine: Mean cosine of texts' vectors in int8 and in float32.
        int8_lowest_cosine: The lowest one.
        verified_by: Libraries that gave the same vectors.
    """

    path: str
    format: str
    family: str
    dim: int
    context: int
    bytes: int
    int8_bytes: int | None
    difference: float | None
    int8_cosine: float | None
    int8_lowest_cosine: float | None
    verified_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Compared:
    difference: float | None
    cosines: FloatArray | None


def export_model(
    folder: str | Path, out: str | Path, *, int8: bool = False, verify: bool = False, overwrite: bool = False
) -> OnnxReport:
    """Write a language model for ONNX Runtime: ids and mask in, a vector for each token out.

    Args:
        folder: A model of ours, or one that transformers loads.
        out: A file, if its name ends in `.onnx`, or a folder; it appears whole or not at all.
        int8: Make another whose matrices are int8; a file holds that one alone.
        verify: Compare with torch before it appears, text by text.
        overwrite: Replace what is there.

    Raises:
        MissingExtraError: torch and transformers, or onnx and ONNX Runtime, are not installed.
        ArtifactError: no language model, one that cannot be written, or something is there.
        CheckError: ONNX Runtime gives other vectors.
    """
    require_lm_extra("tokit export --to onnx")
    from tokit.lm.onnx.onnx_export import require_exporter

    require_exporter("tokit export --to onnx")
    path, single = Path(out), Path(out).suffix == FILE
    if single:
        check_file(path, overwrite=overwrite, kind=FILE)
    else:
        check_target(path, overwrite=overwrite)
    if not is_language_model(folder):
        refuse_missing(folder)
        raise ArtifactError(f"{folder} is no language model", hint="give the folder that tokit fit bert wrote")
    embedder = open_contextual_embedder(folder, engine="torch")
    with _place(path, embedder, folder, int8=int8, single=single, overwrite=overwrite) as place:
        compared = _write(embedder, place, int8=int8, verify=verify)
        sizes = {name: (place / name).stat().st_size for name in (PLAIN, INT8) if (place / name).is_file()}
    cosines = compared.cosines
    return OnnxReport(
        str(out), "onnx", _family(folder, embedder), embedder.dim, embedder.encoder.context,
        sizes[INT8 if single and int8 else PLAIN], sizes.get(INT8), compared.difference,
        None if cosines is None else float(cosines.mean()), None if cosines is None else float(cosines.min()),
        ("onnxruntime",) if verify else (),
    )  # fmt: skip


@contextmanager
def _place(
    path: Path, embedder: ContextualEmbedder, folder: str | Path, *, int8: bool, single: bool, overwrite: bool
) -> Iterator[Path]:
    """A folder to write the models into, which becomes what was asked for when the block ends well."""
    if single:
        with TemporaryDirectory() as work:
            yield Path(work)
            with writing_file(path) as file, (Path(work) / (INT8 if int8 else PLAIN)).open("rb") as made:
                shutil.copyfileobj(made, file)
        return
    with writing(path, overwrite=overwrite) as draft:
        yield draft.path
        write_model_tokenizer(draft.path, embedder.tokenizer, embedder.encoder.context)
        draft.manifest = _manifest(embedder, Path(folder), int8=int8)


def _write(embedder: ContextualEmbedder, folder: Path, *, int8: bool, verify: bool) -> _Compared:
    from tokit.lm.onnx.onnx_export import write_int8, write_onnx

    write_onnx(_torch(embedder).model, folder / PLAIN)
    texts = [*TEXTS, LONG]
    ids = Ids.of(embedder.tokenizer.encode_batch(texts, embedder.options))
    difference, cosines = None, None
    if verify:
        theirs = _in_runtime(embedder, folder / PLAIN)
        pairs = zip(embedder.all_tokens(ids), theirs.all_tokens(ids), strict=True)
        difference = max(float(np.abs(mine - other).max(initial=0)) for mine, other in pairs)
        if not difference <= NEAR:
            raise CheckError(f"ONNX Runtime gives vectors that differ by {difference:.2g}", hint="report it, please")
    if int8:
        write_int8(folder / PLAIN, folder / INT8)
        # Means, whatever the folder asks for: they are numbers of every token.
        encoders = embedder.encoder, _in_runtime(embedder, folder / INT8).encoder
        cosines = _cosines(*(encoder.pool(embedder.within(ids)) for encoder in encoders))
    return _Compared(difference, cosines)


def _in_runtime(embedder: ContextualEmbedder, file: Path) -> ContextualEmbedder:
    mine = embedder.encoder
    encoder = load_onnx_encoder(file, pad=mine.pad, context=mine.context, threads=thread_count())
    return ContextualEmbedder(encoder, embedder.tokenizer)


def _cosines(mine: FloatArray, theirs: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(mine, axis=1) * np.linalg.norm(theirs, axis=1)
    cosines: FloatArray = (mine * theirs).sum(axis=1) / np.maximum(lengths, 1e-30)
    return cosines


def _manifest(embedder: ContextualEmbedder, folder: Path, *, int8: bool) -> OnnxManifest:
    weights = folder / "model.safetensors"
    return OnnxManifest(
        family=_family(folder, embedder),
        vocab_size=embedder.tokenizer.vocab_size,
        dim=embedder.dim,
        context_length=embedder.encoder.context,
        int8=int8,
        pooling=embedder.pooling.steps,
        weights_sha256=sha256_file(weights) if weights.is_file() else None,
        tokenizer_sha256=embedder.tokenizer.sha256,
    )


def _family(folder: str | Path, embedder: ContextualEmbedder) -> str:
    if kind_of(folder) == LanguageModelManifest.kind:
        return read_manifest(folder, LanguageModelManifest).family
    return str(_torch(embedder).model.config.model_type)


def _torch(embedder: ContextualEmbedder) -> TorchEncoder:
    from tokit.lm.torch_encoder import TorchEncoder

    if not isinstance(embedder.encoder, TorchEncoder):
        raise TypeError(type(embedder.encoder).__name__)
    return embedder.encoder
