"""An embedding folder in model2vec and sentence-transformers: the means that `tokit embed` gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokit
from tokit.embedding.static_embedder import Embedder, open_static_embedder
from tokit.ops.fit import fit_embedding
from tokit.tokenizer import FAMILIES

pytestmark = pytest.mark.slow

# Ends a model2vec text at 512 tokens, and a long one at some thousand characters, unless the folder says otherwise.
LONG = "The children went home and the water was cold. " * 400
SPECIAL = "<|endoftext|>the<|pad|> <|cls|> <|sep|><|mask|> <|unk|>"
TEXTS = ["", " ", "The water is cold.", "the the the", "children", SPECIAL, LONG, LONG * 3]


@pytest.fixture(scope="module", params=list(FAMILIES))
def folder(
    request: pytest.FixtureRequest,
    trained_folder: Callable[[str], Path],
    corpus_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("embeddings") / request.param
    corpus = tokit.open_corpus([str(corpus_file)])
    fit_embedding(corpus, trained_folder(request.param), out, dim=12, threads=1)
    return out


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return open_static_embedder(folder)


@pytest.fixture(scope="module")
def texts(embedder: Embedder, lines: list[str]) -> list[str]:
    """Texts without the unknown token: model2vec leaves it out of the mean, sentence-transformers does not."""
    unknown = embedder.embedding.unknown_id
    known = [text for text in [*TEXTS, *lines] if unknown not in embedder.tokenizer.encode(text)]
    assert len(known) > (100 if unknown is None else 2)
    assert max(len(embedder.tokenizer.encode(text)) for text in known) > 512 or unknown is not None
    return known


def differences(embedder: Embedder, texts: list[str], vectors: Any) -> dict[str, float]:
    mine = embedder.embed(texts)
    assert np.abs(mine).max() > 1e-3
    apart = np.abs(np.asarray(vectors) - mine).max(axis=1)
    return {text[:40]: float(each) for text, each in zip(texts, apart, strict=True) if each > 1e-6}


def test_model2vec_gives_the_same_means(folder: Path, embedder: Embedder, texts: list[str]) -> None:
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(folder)
    assert model.embedding.shape == embedder.table.shape
    assert model.unk_token_id == embedder.embedding.unknown_id
    assert differences(embedder, texts, model.encode(texts)) == {}


def test_model2vec_skips_the_unknown_token_too(folder: Path, embedder: Embedder) -> None:
    from model2vec import StaticModel

    some = ["\U000e0001 the \ue123 water", "\ue123", "the water"]
    assert differences(embedder, some, StaticModel.from_pretrained(folder).encode(some)) == {}


@pytest.mark.slow
def test_sentence_transformers_gives_the_same_means(folder: Path, embedder: Embedder, texts: list[str]) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    with warnings.catch_warnings():
        # What it and torch import warns of things that are none of ours.
        warnings.simplefilter("ignore")
        model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
        vectors = model.encode(texts)
    assert differences(embedder, texts, vectors) == {}


def test_transformers_reads_the_tokenizer(folder: Path, embedder: Embedder, lines: list[str]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in [*lines[::7], SPECIAL]:
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == embedder.tokenizer.encode(text)


def test_numpy_reads_the_rows(folder: Path, embedder: Embedder) -> None:
    from safetensors.numpy import load_file

    rows = load_file(folder / "model.safetensors")["embeddings"]
    ids = embedder.tokenizer.encode("The water is cold.")
    kept = [i for i in ids if i != embedder.embedding.unknown_id]
    np.testing.assert_allclose(rows[kept].mean(axis=0), embedder.embed(["The water is cold."])[0], atol=1e-6)
