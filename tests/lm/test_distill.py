"""Distilling: a static table of a language model, held against the stock model and the libraries that load tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

import tokit  # noqa: E402
from tokit.corpus import open_corpus  # noqa: E402
from tokit.embedding.embedding_folder import load_embedding  # noqa: E402
from tokit.embedding.pooling import sif_weights  # noqa: E402
from tokit.errors import TrainingError, UsageError  # noqa: E402
from tokit.lm.contextual_embedder import open_contextual_embedder  # noqa: E402
from tokit.lm.distillation import principal_components, rank_probabilities  # noqa: E402
from tokit.lm.piece_vectors import piece_vectors  # noqa: E402
from tokit.ops.distill import distill  # noqa: E402
from tokit.ops.fit import pretrain  # noqa: E402

pytestmark = pytest.mark.slow

SETTINGS = {
    "num_hidden_layers": 1,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "max_steps": 3,
    "context_length": 24,
    "batch_size": 2,
    "validation_fraction": 0,
}


@pytest.fixture(scope="module")
def model(corpus_file: Path, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("distill") / "bert"
    pretrain(open_corpus([str(corpus_file)]), bpe_folder, out, size="tiny", settings=SETTINGS, threads=1)
    return out


def test_a_piece_is_what_the_stock_model_makes_of_it(model: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    embedder = open_contextual_embedder(model)
    vectors, known = piece_vectors(embedder, embedder.tokenizer.pieces, own=True)
    stock, tokenizer = AutoModel.from_pretrained(model).eval(), AutoTokenizer.from_pretrained(model)
    some = np.flatnonzero(known)[::40].tolist()
    assert len(some) > 5
    for i in some:
        ids = torch.tensor([[tokenizer.cls_token_id, i, tokenizer.sep_token_id]])
        with torch.no_grad():
            states = stock(input_ids=ids).last_hidden_state[0, 1]
        assert np.allclose(vectors[i], states.numpy(), atol=1e-5)


def test_pieces_of_another_tokenizer_are_texts_to_the_model(model: Path, trained_folder: Any, tmp_path: Path) -> None:
    embedder, words = open_contextual_embedder(model), tokit.load_tokenizer(trained_folder("word"))
    vectors, known = piece_vectors(embedder, words.pieces, own=False)
    i = next(i for i in np.flatnonzero(known).tolist() if len(embedder.tokenizer.encode(words.pieces.texts[i])) > 1)
    rows = [row for parts in embedder.tokens(framed(embedder, words.pieces.texts[i])) for row in parts[1]]
    assert np.allclose(vectors[i], np.concatenate(rows).mean(axis=0), atol=1e-5)
    report = distill(model, tmp_path / "static", tokenizer=trained_folder("word"), dim=4)
    assert report.vocab_size == words.vocab_size and report.known == int(known.sum())


def framed(embedder: Any, text: str) -> Any:
    return embedder.tokenizer.encode_batch([text], embedder.options)


def test_special_tokens_and_bytes_that_are_no_text_are_unknown(model: Path, tmp_path: Path) -> None:
    report = distill(model, tmp_path / "static", dim=4)
    found = load_embedding(tmp_path / "static")
    pieces = open_contextual_embedder(model).tokenizer.pieces
    unknown = np.array(["\ufffd" in text or not text for text in pieces.texts]) | pieces.special
    assert unknown.sum() > 100 and report.known == (~unknown).sum()
    assert (found.seen == ~unknown).all() and not found.vectors[unknown].any()
    assert np.abs(found.vectors[~unknown]).sum(axis=1).min() > 0


def test_principal_components_are_those_of_the_singular_value_decomposition() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32) * np.arange(1, 9, dtype=np.float32) + 3
    found = principal_components(vectors, 5)
    centred = vectors - vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:5].T
    signs = np.sign((found.vectors * expected).sum(axis=0))
    assert np.allclose(found.vectors, expected * signs, atol=1e-3)
    assert found.explained == pytest.approx((sizes[:5] ** 2).sum() / (sizes**2).sum(), rel=1e-5)
    with pytest.raises(TrainingError, match="fewer components"):
        principal_components(vectors[:3], 5)


def test_weights_are_those_of_model2vec() -> None:
    # Its own lines: inv_rank = 1 / (np.arange(2, n + 2)); proba = inv_rank / inv_rank.sum(); sif / (sif + proba)
    ranks = 1 / np.arange(2, 12)
    expected = 1e-4 / (1e-4 + ranks / ranks.sum())
    known = np.array([False, *[True] * 10])
    assert np.allclose(sif_weights(rank_probabilities(known)[known], a=1e-4), expected)


def test_with_a_text_what_it_has_often_weighs_little(model: Path, tmp_path: Path, corpus_file: Path) -> None:
    distill(model, tmp_path / "a", dim=4, a=1.0)
    report = distill(model, tmp_path / "b", dim=4, a=1e-4, corpus=open_corpus([str(corpus_file)]))
    assert report.counts == "corpus" and report.documents > 10
    plain, weighed = load_embedding(tmp_path / "a"), load_embedding(tmp_path / "b")
    lengths = [np.linalg.norm(each.vectors, axis=1) for each in (plain, weighed)]
    share = lengths[1][plain.seen] / lengths[0][plain.seen]
    counts = weighed.token_counts[plain.seen]
    assert counts.min() == 1 and share[counts.argmax()] == share.min() < 0.01 < share[counts.argmin()]
    assert weighed.documents == report.documents and weighed.document_frequencies.max() <= report.documents


def test_what_takes_a_static_embedding_takes_it(model: Path, tmp_path: Path, cli: Any) -> None:
    out = tmp_path / "static"
    done = cli("distill", "-m", model, "-o", out, "-d", "8", "--json")
    assert done.code == 0 and json.loads(done.out)["dim"] == 8
    word = next(
        text.strip() for text in tokit.load_tokenizer(model).pieces.texts if len(text) > 4 and text.strip().isalpha()
    )
    assert len(cli("near", word, "-e", out, "-k", "3").out.splitlines()) >= 3
    vector = json.loads(cli("embed", "-e", out, stdin=f"{word} {word}\n".encode()).out)
    assert len(vector.get("vector", vector.get("embedding"))) == 8
    assert cli("export", out, "--to", "word2vec", "-o", tmp_path / "v.txt", "-q").code == 0
    assert cli("inspect", out, "--check").code == 0


def test_model2vec_gives_the_same_means(model: Path, tmp_path: Path, lines: list[str]) -> None:
    model2vec = pytest.importorskip("model2vec", reason="needs model2vec")
    from tokit.embedding.static_embedder import open_static_embedder

    distill(model, tmp_path / "static", dim=8)
    theirs = model2vec.StaticModel.from_pretrained(tmp_path / "static").encode(lines)
    assert np.abs(theirs).max() > 1e-4
    assert np.abs(theirs - open_static_embedder(tmp_path / "static").embed(lines)).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"dim": 17}, "16 dimensions"), ({"dim": 0}, "--dim 0"), ({"a": 0.0}, "not a positive number")],
)
def test_numbers_are_checked(model: Path, tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        distill(model, tmp_path / "static", **arguments)
    assert not (tmp_path / "static").exists()


def test_a_table_is_no_language_model(model: Path, tmp_path: Path, cli: Any) -> None:
    distill(model, tmp_path / "static", dim=4)
    done = cli("distill", "-m", tmp_path / "static", "-o", tmp_path / "again")
    assert done.code == 2 and "is no language model" in done.err
    done = cli("distill", "-m", tmp_path / "none", "-o", tmp_path / "again")
    assert done.code == 1 and "none: no such file or folder" in done.err
