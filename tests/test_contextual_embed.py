"""`tokit fit bert`, `tokit embed` of the model, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tokit.contextual import CONTEXTUAL
from tokit.ops.embed_contextual import open_contextual

SETTINGS = ["--size", "tiny", "--set", "steps=3", "--set", "context=32", "--set", "batch=2"]


@pytest.fixture(scope="module", params=list(CONTEXTUAL))
def model(request: pytest.FixtureRequest, corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Path:
    from tokit.cli.main import main

    out: Path = tmp_path_factory.mktemp("contextual") / request.param
    assert main(["fit", request.param, str(corpus_file), "-t", str(bpe_folder), "-o", str(out), *SETTINGS]) == 0
    return out


def test_embed_gives_the_same_in_any_order_and_batch(model: Path, cli: Any, tmp_path: Path) -> None:
    lines = ["the sea", "", "rivers run to the sea", "a", "music " * 100]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ran = cli("embed", tmp_path / "text.txt", "-e", model)
    assert ran.code == 0 and "which were cut: 1" in ran.err
    rows = [json.loads(line)["vector"] for line in ran.out.splitlines()]
    embedder = open_contextual(model)
    for line, row in zip(lines, rows, strict=True):
        assert np.allclose(embedder.embed([line])[0], row, atol=1e-5)


def test_tokens_have_vectors_that_change_with_the_text(model: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the sea\nby the sea\n", encoding="utf-8")
    ran = cli("embed", tmp_path / "text.txt", "-e", model, "--tokens")
    assert ran.code == 0
    first, second = (json.loads(line) for line in ran.out.splitlines())
    assert len(first["tokens"]) == len(first["vectors"])
    assert not np.allclose(first["vectors"][-1], second["vectors"][-1], atol=1e-4)
    assert cli("embed", tmp_path / "text.txt", "-e", model, "--tokens", "-o", tmp_path / "v.npy").code == 0
    vectors, ends = np.load(tmp_path / "v.npy"), np.load(tmp_path / "v.ends.npy")
    assert ends.tolist() == [len(first["tokens"]), len(first["tokens"]) + len(second["tokens"])]
    assert np.allclose(vectors, first["vectors"] + second["vectors"], atol=1e-5)


def test_layers_are_chosen(model: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("by the sea\n", encoding="utf-8")
    vectors = {}
    for layer in ("0", "1", "-1", "last4"):
        ran = cli("embed", tmp_path / "text.txt", "-e", model, "--layer", layer)
        vectors[layer] = json.loads(ran.out)["vector"]
    assert np.allclose(vectors["last4"], np.mean([vectors["0"], vectors["1"], vectors["-1"]], axis=0), atol=1e-5)
    ran = cli("embed", tmp_path / "text.txt", "-e", model, "--layer", "7")
    assert ran.code == 2 and "--layer 7" in ran.err


def test_an_empty_corpus_is_an_error(cli: Any, bpe_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    ran = cli("fit", "bert", tmp_path / "empty.txt", "-t", bpe_folder, "-o", tmp_path / "m", *SETTINGS)
    assert ran.code == 1 and "empty" in ran.err and not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--size", "tinny"], "did you mean 'tiny'?"),
        (["--set", "stepps=3"], "did you mean 'steps'?"),
        (["--minutes", "0"], "--minutes 0"),
        (["-d", "100"], "takes no --dim"),
        (["--set", "heads=3"], "no multiple"),
        (["--minutes", "1", "--set", "steps=2"], "leave one of them out"),
    ],
)
def test_wrong_options_are_named(cli: Any, bpe_folder: Path, tmp_path: Path, given: list[str], said: str) -> None:
    ran = cli("fit", "bert", "@lee", "-t", bpe_folder, "-o", tmp_path / "m", *given)
    assert ran.code == 2 and said in ran.err, ran.err


def test_static_families_do_not_take_a_model_s_options(cli: Any, bpe_folder: Path, tmp_path: Path) -> None:
    ran = cli("fit", "svd", "@lee", "-t", bpe_folder, "-o", tmp_path / "m", "--size", "tiny")
    assert ran.code == 2 and "--size" in ran.err
    ran = cli("fit", "bret", "@lee", "-t", bpe_folder, "-o", tmp_path / "m")
    assert ran.code == 2 and "did you mean 'bert'?" in ran.err
