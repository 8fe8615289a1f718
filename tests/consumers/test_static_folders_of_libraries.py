"""The way back: static embeddings of sentence-transformers and model2vec give the library's own vectors."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokit
from tests.support.program import Ran, assert_error
from tokit.embedding.embedding_folder import load_embedding, load_ngrams, load_output
from tokit.embedding.static_embedder import open_static_embedder
from tokit.ops.embed import embed
from tokit.ops.fit import fit_embedding

Cli = Callable[..., Ran]
LONG = "The children went home and the water was cold. " * 60
# Words without an unknown piece, and with some; long ones with few and with many characters a token.
SHORT = ["", " ", "The water is cold.", "the the the", "children \U000e0001 home"]
TEXTS = [*SHORT, LONG, "x y z " * 200, "internationalization of water " * 40]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"normalize": True},
    {"max_length": None},
    {"max_length": 7},
    {"quantize_to": "int8"},
    {"quantize_to": "float64"},
]


@pytest.fixture(scope="module", params=["bpe", "wordpiece", "word"])
def own(
    request: pytest.FixtureRequest,
    trained_folder: Callable[[str], Path],
    corpus_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An embedding of tokit."""
    out = tmp_path_factory.mktemp("own") / "emb"
    corpus = tokit.open_corpus([str(corpus_file)])
    fit_embedding(corpus, trained_folder(request.param), out, dim=12, threads=1)
    return out


def model2vec_of(folder: Path, **options: Any) -> Any:
    from model2vec import StaticModel

    return StaticModel.from_pretrained(folder, **options)


def sentence_transformer(folder: Path) -> Any:
    library = pytest.importorskip("sentence_transformers")
    with warnings.catch_warnings():
        # What it and torch import warns of things that are none of ours.
        warnings.simplefilter("ignore")
        return library.SentenceTransformer(str(folder), device="cpu")


def assert_the_library_gives(folder: Path, vectors: Any, *, tolerance: float = 1e-6) -> None:
    mine = open_static_embedder(folder).embed(TEXTS)
    assert np.abs(mine).max() > 1e-3
    scale, apart = max(1, float(np.abs(vectors).max())), np.abs(mine - np.asarray(vectors)).max(axis=1)
    assert apart[: len(SHORT)].max() <= tolerance * scale
    # Sums of hundreds of tokens are rounded in 32 bits here, and in 64 by some settings of the library.
    assert apart.max() <= 5 * tolerance * scale
    # Documents of a corpus go another way than single texts.
    np.testing.assert_allclose(embed(TEXTS, folder), mine, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_model2vec(own: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    # Also the length that its models have by default, which tokit's do not.
    model = model2vec_of(own, **{"max_length": 512, **settings})
    model.save_pretrained(tmp_path / "saved")
    saved = model2vec_of(tmp_path / "saved")
    assert_the_library_gives(tmp_path / "saved", saved.encode(TEXTS))


def test_model2vec_in_16_bits(own: Path, tmp_path: Path) -> None:
    model2vec_of(own, quantize_to="float16").save_pretrained(tmp_path / "saved")
    # The library rounds its means to 16 bits.
    assert_the_library_gives(tmp_path / "saved", model2vec_of(tmp_path / "saved").encode(TEXTS), tolerance=1e-3)


def test_model2vec_with_a_quantized_vocabulary(own: Path, tmp_path: Path) -> None:
    from model2vec import StaticModel

    model = model2vec_of(own)
    size, rng = len(model.embedding), np.random.default_rng(0)
    quantized = StaticModel(
        rng.normal(size=(20, 12)).astype(np.float32),
        model.tokenizer,
        weights=rng.random(size),
        token_mapping=rng.integers(0, 20, size),
    )
    quantized.save_pretrained(tmp_path / "saved")
    assert_the_library_gives(tmp_path / "saved", model2vec_of(tmp_path / "saved").encode(TEXTS))


@pytest.mark.slow
@pytest.mark.parametrize("normalize", [False, True])
def test_sentence_transformers(own: Path, tmp_path: Path, normalize: bool) -> None:
    model = sentence_transformer(own)
    if normalize:
        from sentence_transformers import models

        model.append(models.Normalize())
    model.save_pretrained(str(tmp_path / "saved"))
    assert_the_library_gives(tmp_path / "saved", model.encode(TEXTS))


@pytest.mark.slow
def test_sentence_transformers_over_its_own_folder_after_training(own: Path, tmp_path: Path, cli: Cli) -> None:
    import torch

    emb = tmp_path / "emb"
    shutil.copytree(own, emb)
    model = sentence_transformer(emb)
    with torch.no_grad():
        model[0].embedding.weight += 0.25 * torch.rand_like(model[0].embedding.weight)
    model.save_pretrained(str(emb))
    assert (emb / "tokit.json").is_file()
    assert_the_library_gives(emb, model.encode(TEXTS))
    ran = cli("near", "the", "-e", emb, "-k", 1)
    assert ran.code == 0
    assert "changed after tokit.json was written" in ran.err
    assert cli("inspect", emb, "--check").code == 3


def resaved(own: Path, tmp_path: Path) -> Path:
    """The folder after model2vec wrote over it with other vectors."""
    emb = tmp_path / "emb"
    shutil.copytree(own, emb)
    model = model2vec_of(emb)
    model.embedding = model.embedding[:, ::-1].copy() + 0.5
    model.save_pretrained(emb)
    return emb


def test_no_stale_manifest_is_trusted(own: Path, tmp_path: Path, cli: Cli) -> None:
    emb = resaved(own, tmp_path)
    assert_the_library_gives(emb, model2vec_of(emb).encode(TEXTS))
    embedding = load_embedding(emb)
    assert embedding.manifest.family == "model2vec"
    assert not embedding.counted
    assert (load_ngrams(emb), load_output(emb)) == (None, None)
    ran = cli("inspect", emb, "--json")
    facts = json.loads(ran.text)["facts"]
    assert "model.safetensors" in facts["changed"]
    assert facts["opened_as"] == "model2vec model"
    ran = cli("embed", "-e", emb, stdin=b"The water\n")
    assert (ran.code, ran.err.count("changed after tokit.json was written")) == (0, 1)
    ran = cli("embed", "-e", emb, "--pool", "sif", stdin=b"The water\n")
    assert (ran.code, "does not know how often" in ran.err) == (2, True)


def test_a_folder_without_its_manifest_opens(own: Path, tmp_path: Path) -> None:
    emb = tmp_path / "emb"
    shutil.copytree(own, emb)
    before = load_embedding(emb)
    (emb / "tokit.json").unlink()
    after = load_embedding(emb)
    np.testing.assert_array_equal(after.vectors, before.vectors)
    assert (after.manifest.family, after.unknown_id) == ("model2vec", before.unknown_id)


def test_the_commands_open_it(own: Path, tmp_path: Path, cli: Cli, corpus_file: Path) -> None:
    saved, out = tmp_path / "saved", tmp_path / "more"
    model2vec_of(own).save_pretrained(saved)
    ran = cli("inspect", saved)
    assert (ran.code, "kind: model2vec model" in ran.text, "dim: 12" in ran.text) == (0, True, True)
    assert cli("inspect", saved, "--check").code == 0
    assert cli("near", "the", "-e", saved, "-k", 2).code == 0
    assert cli("fit", "skipgram", corpus_file, "--from", saved, "-o", out, "--epochs", 1, "-q").code == 0
    start = json.loads((out / "tokit.json").read_text())["warm_start"]
    assert (start["matched"], start["family"]) == ("id", "model2vec")
    assert cli("export", saved, "--to", "word2vec", "-o", tmp_path / "v.vec", "-q").code == 0


def test_import_makes_it_tokits(own: Path, tmp_path: Path, cli: Cli) -> None:
    saved, emb = tmp_path / "saved", tmp_path / "emb"
    model2vec_of(own).save_pretrained(saved)
    ran = cli("import", saved, "-o", emb, "--json")
    assert (ran.code, json.loads(ran.text)["format"]) == (0, "model2vec")
    one, two = load_embedding(saved), load_embedding(emb)
    np.testing.assert_array_equal(one.vectors, two.vectors)
    assert two.manifest.family == "import"
    np.testing.assert_allclose(model2vec_of(emb).encode(TEXTS), open_static_embedder(emb).embed(TEXTS), atol=1e-6)
    assert_error(cli("import", saved, "-o", tmp_path / "x", "--limit", 3), 2, "--limit")
    assert cli("inspect", emb, "--check").code == 0
