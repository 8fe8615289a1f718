"""`tokit export MODEL --to onnx`: export a language model to ONNX, to be run without torch.

An output name that ends in `.onnx` is a file for other programs; any other is a folder with the tokenizer beside the
model, which `tokit embed` opens.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tokit.errors import ArtifactError
from tokit.lm import require_lm_extra
from tokit.lm.contextual_embedder import ContextualEmbedder, is_language_model, open_contextual_embedder, refuse_missing
from tokit.lm.folder.tokenizer_files import write_model_tokenizer
from tokit.lm.onnx.onnx_encoder import INT8, PLAIN
from tokit.lm.onnx.onnx_models import torch_encoder, write_models
from tokit.storage.files import check_file, replaces, writing_file
from tokit.storage.folder import check_target, kind_of, read_manifest, sha256_file, writing
from tokit.storage.hub_names import hub_sources, local_path, origin_of
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest

FORMATS = ("onnx",)
FILE = ".onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxReport:
    """Result of an export.

    Attributes:
        path: The file or folder.
        format: Always "onnx".
        family: Family of the model.
        dim: Dimension of a token's vector.
        context: Largest number of tokens of a document.
        bytes: Size of the model in float32, or of the file.
        int8_bytes: Size of the model in int8.
        difference: Largest difference of a vector's component between ONNX Runtime and torch, if verified.
        int8_cosine: Mean cosine between text vectors in int8 and in float32.
        int8_lowest_cosine: Lowest such cosine.
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


def export_model(
    folder: str | Path, out: str | Path, *, int8: bool = False, verify: bool = False, overwrite: bool = False
) -> OnnxReport:
    """Export a language model to ONNX: ids and attention mask in, token vectors out.

    Args:
        folder: A model of tokit or transformers.
        out: A file, if its name ends in `.onnx`, or a folder; it appears whole or not at all.
        int8: Write a model with int8 matrices, too; a file holds only that one.
        verify: Compare with torch before the output appears.
        overwrite: Replace an existing file or artifact.

    Raises:
        MissingExtraError: torch and transformers, or onnx and ONNX Runtime, are not installed.
        ArtifactError: there is no language model, it cannot be exported, or the output exists.
        CheckError: ONNX Runtime gives other vectors.
    """
    folder = local_path(folder)
    path, single = Path(out), Path(out).suffix == FILE
    if single:
        check_file(path, overwrite=overwrite, kind=FILE)
    else:
        check_target(path, overwrite=overwrite)
    if not is_language_model(folder):
        refuse_missing(folder)
        raise ArtifactError(
            f"{folder} is no language model", hint="give the folder of a model, such as tokit fit bert writes"
        )
    require_lm_extra("tokit export --to onnx")
    from tokit.lm.onnx.onnx_export import require_exporter

    require_exporter("tokit export --to onnx")
    embedder = open_contextual_embedder(folder, engine="torch")
    with _place(path, embedder, folder, int8=int8, single=single, overwrite=overwrite) as place:
        compared = write_models(embedder, place, int8=int8, verify=verify)
        sizes = {name: (place / name).stat().st_size for name in (PLAIN, INT8) if (place / name).is_file()}
    cosines = compared.cosines
    return OnnxReport(
        path=str(out), format="onnx", family=_family(folder, embedder), dim=embedder.dim,
        context=embedder.encoder.context, bytes=sizes[INT8 if single and int8 else PLAIN], int8_bytes=sizes.get(INT8),
        difference=compared.difference,
        int8_cosine=None if cosines is None else float(cosines.mean()),
        int8_lowest_cosine=None if cosines is None else float(cosines.min()),
        verified_by=("onnxruntime",) if verify else (),
    )  # fmt: skip


@contextmanager
def _place(
    path: Path, embedder: ContextualEmbedder, folder: str | Path, *, int8: bool, single: bool, overwrite: bool
) -> Iterator[Path]:
    """A folder for the models, which becomes the output if the block succeeds."""
    if single:
        with TemporaryDirectory() as work:
            yield Path(work)
            source = Path(work) / (INT8 if int8 else PLAIN)
            with writing_file(path, replaces(FILE, overwrite=overwrite)) as file, source.open("rb") as model:
                shutil.copyfileobj(model, file)
        return
    with writing(path, overwrite=overwrite) as draft:
        yield draft.path
        write_model_tokenizer(draft.path, embedder.tokenizer, embedder.encoder.context)
        draft.manifest = _manifest(embedder, Path(folder), int8=int8)


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
        sources=hub_sources(origin_of(folder)),
    )


def _family(folder: str | Path, embedder: ContextualEmbedder) -> str:
    if kind_of(folder) == LanguageModelManifest.kind:
        return read_manifest(folder, LanguageModelManifest).family
    return str(torch_encoder(embedder).model.config.model_type)
