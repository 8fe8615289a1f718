"""The embedding folder: what readers expect, and damaged folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support.program import Ran, assert_error
from tests.support.two_topics import fit
from tokit.embedding.embedding_folder import load_embedding
from tokit.errors import ArtifactError
from tokit.storage import folder


@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors", "tokit.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_folder_is_an_error(tmp_path: Path, text: Path, tokenizer: Path, name: str, damage: str) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    file = tmp_path / "emb" / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif damage == "gone":
        file.unlink()
    else:
        fit(text, tokenizer, tmp_path / "other", dim=4)
        file.write_bytes((tmp_path / "other" / name).read_bytes())
        if name == "training.safetensors":
            # The same counts: there is nothing wrong with it.
            load_embedding(tmp_path / "emb")
            return
    if (name, damage) in {("tokit.json", "gone"), ("tokit.json", "other"), ("model.safetensors", "other")}:
        # What is left is a sound folder of model2vec, and opened as such; no count is trusted.
        assert load_embedding(tmp_path / "emb").manifest.family == "model2vec"
        return
    with pytest.raises(ArtifactError) as caught:
        load_embedding(tmp_path / "emb")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"special_ids": [99]}, 3, "do not fit each other"),
        ({"special_ids": ["a"]}, 1, "'special_ids.0' is missing or damaged"),
        ({"unknown_id": -1}, 1, "'unknown_id' is missing or damaged"),
        ({"unknown_id": 99}, 3, "do not fit each other"),
        ({"dim": 15}, 3, "do not fit each other"),
    ],
)
def test_a_manifest_that_does_not_fit_is_an_error(
    cli: Callable[..., Ran],
    tmp_path: Path,
    text: Path,
    tokenizer: Path,
    changed: dict[str, Any],
    code: int,
    message: str,
) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    assert cli("inspect", tmp_path / "emb", "--check").code == 0
    manifest = folder.read_json(tmp_path / "emb" / "tokit.json")
    folder.dump_json({**manifest, **changed}, tmp_path / "emb" / "tokit.json")
    assert_error(cli("near", "plum", "-e", tmp_path / "emb"), 1, message)
    # The hashes are of the other files, and they are right.
    ran = cli("inspect", tmp_path / "emb", "--check")
    assert (ran.code, message in ran.err) == (code, True)


def test_vectors_of_another_type_are_those_of_a_library(tmp_path: Path, text: Path, tokenizer: Path) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    vectors = load_embedding(tmp_path / "emb").vectors
    save_file({"embeddings": vectors.astype(np.float16)}, tmp_path / "emb" / "model.safetensors")
    found = load_embedding(tmp_path / "emb")
    assert (found.manifest.family, found.vectors.dtype) == ("model2vec", np.float32)
    np.testing.assert_array_equal(found.vectors, vectors.astype(np.float16))
    save_file({"embeddings": vectors[:-1]}, tmp_path / "emb" / "model.safetensors")
    with pytest.raises(ArtifactError, match="ids, the embedding"):
        load_embedding(tmp_path / "emb")


def test_a_tokenizer_is_no_embedding(tokenizer: Path) -> None:
    with pytest.raises(ArtifactError, match="holds a tokenizer, not an embedding"):
        load_embedding(tokenizer)


def test_config_is_what_readers_expect(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    config = json.loads((tmp_path / "emb" / "config.json").read_bytes())
    modules = json.loads((tmp_path / "emb" / "modules.json").read_bytes())
    assert (config["model_type"], config["normalize"], config["max_length"]) == ("model2vec", False, None)
    assert [module["type"] for module in modules] == ["sentence_transformers.models.StaticEmbedding"]
