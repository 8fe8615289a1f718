"""`tokit attention`: attention weights of a text, and summaries of the heads of a model over a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokit.errors import ArtifactError, UsageError
from tokit.lm.attention_reader import Attention, AttentionReader
from tokit.lm.contextual_embedder import is_language_model, open_contextual_embedder, refuse_missing
from tokit.lm.folder.config import CONFIG, read_config
from tokit.lm.folder.layers import check_attention
from tokit.storage.files import check_file, replaces, writing_file
from tokit.storage.folder import kind_of, read_manifest
from tokit.storage.hub_names import local_path
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest

# Families of language models without attention.
RECURRENT = ("lstm",)
PAGE = ".html"


def open_attention(model: str | Path, *, layer: int | None = None, head: int | None = None) -> AttentionReader:
    """Open a language model to read its attention.

    Args:
        model: A folder of tokit, or of transformers with a tokenizer.json.
        layer: Number of a layer that it must have, see `Attention.only`.
        head: Number of a head that it must have.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ArtifactError: there is no such folder, or it is damaged.
        UsageError: the model has no attention, or no such layer or head.
    """
    model = local_path(model)
    require_attention(model)
    check_attention(Path(model), layer, head)
    embedder = open_contextual_embedder(model)
    from tokit.lm.attention_weights import AttentionModel
    from tokit.lm.torch_encoder import TorchEncoder

    if not isinstance(embedder.encoder, TorchEncoder):
        raise UsageError(f"{model} is an ONNX model, which does not expose attention weights", hint="give its folder")
    return AttentionReader(model, embedder, AttentionModel(embedder.encoder))


def require_attention(folder: str | Path) -> None:
    """Refuse a folder without a model that exposes its attention.

    Raises:
        ArtifactError: there is no model.
        UsageError: the model has no attention, or does not expose it.
    """
    if not is_language_model(folder):
        refuse_missing(folder)
        if kind_of(folder) is None and not (Path(folder) / CONFIG).is_file():
            raise ArtifactError(f"{folder}: no language model there", hint="tokit fit bert … -o MODEL trains one")
        raise UsageError(
            f"{folder} is no language model, so it has no attention", hint="tokit fit bert … -o MODEL trains one"
        )
    if kind_of(folder) == OnnxManifest.kind:
        raise UsageError(
            f"{folder} is an ONNX model, which does not expose attention weights",
            hint="give the model it was exported from",
        )
    if family_of(folder) in RECURRENT:
        raise UsageError(f"{folder} is an lstm, which has no attention", hint="use a bert, modernbert or llama")


def family_of(folder: str | Path) -> str:
    """Family of a language model by tokit's manifest, or its model type in transformers."""
    if kind_of(folder) == LanguageModelManifest.kind:
        return read_manifest(folder, LanguageModelManifest).family
    return str(read_config(folder).get("model_type", ""))


def check_attention_page(out: str | Path, *, overwrite: bool) -> None:
    """Check the file of a page before a model is loaded.

    Raises:
        ArtifactError: the file exists.
    """
    check_file(out, overwrite=overwrite, kind=PAGE)


def write_attention_page(attention: Attention, names: Sequence[str], out: str | Path, *, overwrite: bool) -> None:
    """Write an HTML page of all layers and heads.

    Args:
        attention: Attention over a text.
        names: Labels of the tokens.
        out: The file; it appears whole or not at all.
        overwrite: Replace an existing page.

    Raises:
        ArtifactError: the file exists.
    """
    from tokit.report.attention_page import attention_page

    check_file(out, overwrite=overwrite, kind=PAGE)
    numbers = attention.layers, attention.heads
    page = attention_page(Path(attention.model).name, names, numbers, attention.values, attention.what)
    with writing_file(out, replaces(PAGE, overwrite=overwrite)) as file:
        file.write(page.encode("utf-8"))
