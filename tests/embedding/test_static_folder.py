"""Static embeddings of other libraries that are only partly understood: refused, or said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support.program import Ran, assert_error
from tokit.embedding.static_embedder import open_static_embedder
from tokit.embedding.static_folder import find_static_folder

Cli = Callable[..., Ran]


@pytest.fixture
def folder(trained_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """A folder as sentence-transformers writes it."""

    def write(
        *modules: str, config: dict[str, Any] | None = None, nested: bool = False, weights: str = "model.safetensors"
    ) -> Path:
        out = tmp_path / "saved"
        shutil.rmtree(out, ignore_errors=True)
        place = out / "0_StaticEmbedding" if nested else out
        place.mkdir(parents=True)
        shutil.copy(trained_folder("bpe") / "tokenizer.json", place)
        size = len(json.loads((place / "tokenizer.json").read_bytes())["model"]["vocab"])
        rows = np.random.default_rng(0).normal(size=(size, 4)).astype(np.float32)
        if weights == "model.safetensors":
            save_file({"embedding.weight": rows}, place / weights)
        else:
            (place / weights).write_bytes(b"PK")
        names = [f"sentence_transformers.models.{name}" for name in ("StaticEmbedding", *modules)]
        entries = [{"idx": i, "name": str(i), "path": "", "type": name} for i, name in enumerate(names)]
        (out / "modules.json").write_text(json.dumps(entries))
        (out / "config_sentence_transformers.json").write_text(json.dumps(config or {}))
        return out

    return write


def test_the_older_layout_opens(folder: Callable[..., Path], cli: Cli) -> None:
    vectors = open_static_embedder(folder()).embed(["the water"])
    np.testing.assert_array_equal(open_static_embedder(folder(nested=True)).embed(["the water"]), vectors)
    ran = cli("inspect", folder(nested=True))
    assert "kind: sentence-transformers static embedding" in ran.text


def test_modules_behind_it(folder: Callable[..., Path], cli: Cli) -> None:
    rows = open_static_embedder(folder("Normalize")).embed(["the water", ""])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0], atol=1e-6)
    assert_error(cli("embed", "-e", folder("Dense"), stdin=b"the\n"), 1, "StaticEmbedding, Dense are more than")


def test_prompts_are_said(folder: Callable[..., Path], cli: Cli) -> None:
    config = {"prompts": {"query": "query: ", "none": ""}, "default_prompt_name": "query"}
    ran = cli("embed", "-e", folder(config=config), stdin=b"the\n")
    assert (ran.code, "puts 'query: ' before each text" in ran.err) == (0, True)
    ran = cli("embed", "-e", folder(config={**config, "default_prompt_name": None}), stdin=b"the\n")
    assert (ran.code, ran.err) == (0, "")


def test_weights_in_a_pickle_are_named(folder: Callable[..., Path], cli: Cli) -> None:
    assert_error(cli("embed", "-e", folder(weights="pytorch_model.bin"), stdin=b"the\n"), 1, "a pickle of torch")


def test_truncation_of_the_tokenizer_is_that_of_the_library(folder: Callable[..., Path]) -> None:
    """sentence-transformers has the tokenizer truncate, where its file says so."""
    out = folder()
    spec = json.loads((out / "tokenizer.json").read_bytes())
    spec["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    (out / "tokenizer.json").write_text(json.dumps(spec))
    embedder = open_static_embedder(out)
    ids = embedder.tokenizer.encode("the water was cold and the sky was grey")
    expected = embedder.table[ids[:3]].mean(axis=0)
    np.testing.assert_allclose(embedder.embed(["the water was cold and the sky was grey"])[0], expected, atol=1e-6)
    assert embedder.truncated == 1


def test_other_folders_are_none(tmp_path: Path, trained_folder: Callable[[str], Path]) -> None:
    assert find_static_folder(trained_folder("bpe")) is None
    assert find_static_folder(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 20)
    shutil.copy(trained_folder("bpe") / "tokenizer.json", tmp_path)
    assert find_static_folder(tmp_path) is None
