"""Manifests of format version 1, as tokit wrote them, are read in the entries of today."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import assert_error
from tokit.storage.data_manifests import CountsManifest, ShardsManifest
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import MANIFEST, dump_json, kind_of, read_manifest
from tokit.storage.manifests import FORMAT_VERSION, Manifest, TokenizerManifest
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest
from tokit.storage.warm_start_facts import WarmStartFacts

WRITTEN = Path(__file__).with_name("format_1")


def opened(name: str, folder: Path, kind: type[Manifest]) -> Any:
    shutil.copy(WRITTEN / f"{name}.json", folder / MANIFEST)
    assert kind_of(folder) == kind.kind
    return read_manifest(folder, kind)


def entries(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((WRITTEN / f"{name}.json").read_bytes())
    return found


@pytest.mark.parametrize("path", sorted(WRITTEN.iterdir()), ids=lambda path: path.stem)
def test_what_is_read_is_written_in_the_format_of_today(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / MANIFEST)
    manifest = read_manifest(tmp_path)
    dump_json(manifest.as_json(), tmp_path / MANIFEST)
    assert json.loads((tmp_path / MANIFEST).read_bytes())["format_version"] == FORMAT_VERSION
    assert read_manifest(tmp_path) == manifest


def test_tokenizer_and_counts(tmp_path: Path) -> None:
    rules = {"normalizers": [], "pre_tokenizer": "gpt2", "digits": "keep"}
    tokenizer = opened("tokenizer", tmp_path, TokenizerManifest)
    assert (tokenizer.pipeline, tokenizer.vocab_size, tokenizer.shortfall) == (rules, 2000, None)
    assert tokenizer.corpus.documents == 300
    counts = opened("counts", tmp_path, CountsManifest)
    assert (counts.pipeline, counts.shortfall) == (rules, {"listed": 0, "missing": 0})


def test_shards(tmp_path: Path) -> None:
    shards = opened("shards", tmp_path, ShardsManifest)
    assert (shards.parts["val"].ends, shards.split) == ("val.ends.npy", {"val": 0.1})


def test_fitted_embedding(tmp_path: Path) -> None:
    manifest = opened("fitted", tmp_path, EmbeddingManifest)
    assert manifest.fit.losses == tuple(entries("fitted")["losses"])
    assert (manifest.fit.threads, manifest.reproducible) == (2, False)
    assert "--threads 1" in manifest.not_reproducible_because
    assert manifest.params["bucket"] == 1000
    assert manifest.params["learning_rate"] == 0.025
    files = entries("fitted")["from"]["files"]
    assert manifest.warm_start == WarmStartFacts(
        source="embedding", family="fasttext", initialized=1780, documents=300, files=files
    )


def test_imported_embedding(tmp_path: Path) -> None:
    manifest = opened("imported", tmp_path, EmbeddingManifest)
    assert (manifest.corpus, manifest.fit, manifest.token_counts) == (None, None, "rank")
    assert manifest.imported.file["name"] == "w.vec"
    assert manifest.imported.words["unreachable"]["count"] == 9
    assert manifest.imported.pipeline["pre_tokenizer"] == "whitespace"


def test_distilled_embedding(tmp_path: Path) -> None:
    manifest = opened("distilled", tmp_path, EmbeddingManifest)
    assert (manifest.family, manifest.distilled.family) == ("distill", "bert")
    assert manifest.distilled.weights_sha256 == entries("distilled")["model"]["sha256"]
    assert manifest.distilled.corpus.documents == 300


@pytest.mark.parametrize(
    ("name", "source", "initialized", "resized"),
    [("from_checkpoint", "checkpoint", 2000, ""), ("from_vectors", "embedding", 1780, "padded")],
)
def test_language_model(name: str, source: str, initialized: int, resized: str, tmp_path: Path) -> None:
    manifest = opened(name, tmp_path, LanguageModelManifest)
    assert (manifest.context_length, manifest.special_ids["mask"]) == (128, 4)
    assert (manifest.params["mlm_probability"], manifest.params["batch_size"]) == (0.2, 8)
    assert manifest.pretraining.shape == {"num_hidden_layers": 2, "hidden_size": 128, "num_attention_heads": 2}
    assert (manifest.pretraining.held_out.bytes, manifest.pretraining.held_out.bits_per_byte) == (853, None)
    start = manifest.warm_start
    assert (start.source, start.initialized, start.resized) == (source, initialized, resized)


def test_onnx_model(tmp_path: Path) -> None:
    manifest = opened("onnx", tmp_path, OnnxManifest)
    assert (manifest.context_length, manifest.pooling) == (128, ("mean",))


@pytest.mark.parametrize("change", [{"params": None}, {"from": 5}, {"from": {"columns": 1}}, {"family": ["x"]}])
def test_damaged_manifest_is_no_traceback(cli: Any, change: dict[str, Any], tmp_path: Path) -> None:
    dump_json({**entries("fitted"), **change}, tmp_path / MANIFEST)
    assert_error(cli("inspect", tmp_path), 1, "damaged")
