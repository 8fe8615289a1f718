"""The bench runs, tells every row, and finds tokit's ids the same as the reference's. No time is judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokit
from tests.support.program import bench
from tests.support.texts import PARALLEL

pytestmark = pytest.mark.slow

ROWS = ("whole process", "first call", "steady state", "start-up")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, bpe_folder: Path) -> tuple[str, dict[str, Any]]:
    """Output and saved document of a run over a few lines."""
    folder = tmp_path_factory.mktemp("bench")
    corpus, saved = folder / "few.txt", folder / "bench.json"
    corpus.write_bytes(b"".join((PARALLEL / "en.txt").read_bytes().splitlines(keepends=True)[:40]))
    done = bench(
        *("encode", "--corpus", str(corpus), "--peers", "tokenizers", "--rounds", "1"),
        *("--tokenizer", str(bpe_folder), "--save", str(saved)),
        # So little text would be encoded by the reference, and compared with itself.
        TOKIT_ENGINE="kernels",
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout, json.loads(saved.read_bytes())


def test_every_row_of_every_peer_is_measured(ran: tuple[str, dict[str, Any]]) -> None:
    rows = {(row["row"], row["peer"]): row for row in ran[1]["rows"] if row["row"] in ROWS}
    assert set(rows) == {(row, peer) for row in ROWS for peer in ("tokit", "tokenizers")}
    for row in rows.values():
        assert row["error"] == ""
        assert len(row["seconds"]) == len(row["peak_bytes"]) == 1
        assert len(row["seconds"][0]) == (2 if row["row"] == "steady state" else 1)
        assert min(row["seconds"][0]) > 0
        assert min(row["peak_bytes"]) > 0
        assert row["ratio"] > 0


def test_ids_are_those_of_the_reference(ran: tuple[str, dict[str, Any]]) -> None:
    same = ran[1]["identity"]["tokenizers"]["tokit"]
    assert same["differing"] == 0
    assert same["of"] > 100


@pytest.mark.parametrize(
    ("ours", "theirs", "differing", "beyond"),
    [
        ([0, 1, 0], [0, 1, 0], 0, 0),
        ([0, 1, 0], [0, 1, 0, 1, 1, 1], 0, 3),
        ([0, 1, 0, 1, 1, 1], [0, 1, 0], 3, 0),
        ([0, 1, 0], [0, 2], 2, 1),
        ([0, 2, 0], [0, 1, 0, 0], 1, 2),
    ],
)
def test_tokens_that_only_one_has_are_counted(
    tmp_path: Path, ours: list[int], theirs: list[int], differing: int, beyond: int
) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(json.dumps({"model": {"vocab": {"a": 0, "b": 1, "ba": 2}}}))
    task = {
        "job": "encode",
        "corpus": "",
        "vocab_size": 3,
        "threads": None,
        "work": "",
        "tokenizer_json": str(tokenizer),
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    question: dict[str, Any] = {"task": str(tmp_path / "task.json")}
    for side, ids in {"ours": ours, "theirs": theirs}.items():
        np.array(ids, dtype=np.uint16).tofile(tmp_path / side)
        question[side] = {"form": "ids", "path": str(tmp_path / side)}
    (tmp_path / "questions.json").write_text(json.dumps([question]))
    done = bench(str(tmp_path / "questions.json"), module="tests.bench.answers")
    (found,) = json.loads(done.stdout)
    assert found == {"differing": differing, "of": len(ours), "item": "tokens", "beyond": beyond, "absent": None}


def test_the_document_says_what_it_ran_on(ran: tuple[str, dict[str, Any]]) -> None:
    assert {"platform", "processor", "cores", "python"} <= ran[1]["machine"].keys()
    assert {"tokit", "tokenizers"} <= ran[1]["versions"].keys()
    assert ran[1]["date"]
    assert ran[1]["corpus"]["bytes"] > 0


def test_the_table_shows_the_rows(ran: tuple[str, dict[str, Any]]) -> None:
    for word in (*ROWS, "tokit", "tokenizers", "same as tokit"):
        assert word in ran[0]


def test_a_peer_that_is_unknown_is_named(tmp_path: Path) -> None:
    done = bench("encode", "--corpus", str(tmp_path), "--peers", "nonsense")
    assert done.returncode == 1
    assert "unknown peer nonsense" in done.stderr


def test_embeddings_stand_beside_gensim(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    lines = "The tiger and the cat, the book and the paper.\nOld is not new, a train no car, hard is not easy!\n"
    text.write_text(lines * 300, encoding="utf-8")
    saved = tmp_path / "fit.json"
    settings = ["--peers", "gensim", "--rounds", "1", "--epochs", "1", "--dim", "8"]
    done = bench("fit", "--corpus", str(text), *settings, "--save", str(saved))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "skipgram, 6,600 words x 1 epochs, 8 dimensions" in done.stdout
    found = json.loads(saved.read_text("utf-8"))
    assert list(found) == ["tokit", "gensim"]
    for result in found.values():
        assert result["error"] == ""
        assert len(result["seconds"]) == len(result["peaks"]) == len(result["scores"]) == 1
        assert result["seconds"][0] > 0
        assert len(result["scores"][0]) == 3


def test_an_unknown_peer_of_fit_is_named(tmp_path: Path) -> None:
    done = bench("fit", "--corpus", str(tmp_path / "text.txt"), "--peers", "gensin")
    assert done.returncode
    assert "unknown peer gensin" in done.stderr


@pytest.mark.parametrize("family", ["skipgram", "glove", "bert"])
def test_killed_trainings_end_in_the_same_bytes(tmp_path: Path, family: str) -> None:
    if family == "bert":
        pytest.importorskip("torch", reason="needs the extra 'contextual'")
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat and the dog ran to the cat\n" * 500, encoding="utf-8")
    done = bench("kills", "--corpus", str(text), "--family", family, "--kills", "3", "--epochs", "40", "--dim", "16")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{family}: 3 kills" in done.stdout
    assert "each ended in the same bytes" in done.stdout


def test_embed_stands_beside_model2vec(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat\n\nand the dog ran to the cat\n" * 50, encoding="utf-8")
    corpus = tokit.open_corpus([str(text)])
    tokit.train_tokenizer(corpus, tmp_path / "tok", family="bpe", vocab_sizes=(300,))
    tokit.fit_embedding(corpus, tmp_path / "tok", tmp_path / "emb", dim=8, threads=1)
    done = bench("embed", "--corpus", str(text), "-e", str(tmp_path / "emb"), "--lines", "250", "--rounds", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "250 lines" in done.stdout
    apart = float(done.stdout.rpartition("number:")[2])
    assert apart < 1e-6


def test_bits_of_a_language_model_stand_beside_an_ngram_model(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'contextual'")
    text = tmp_path / "text.txt"
    text.write_text("".join(f"the {a} sat on the {b}\n" for a in ["cat", "dog", "cow"] for b in range(60)))
    corpus = tokit.open_corpus([str(text)])
    tokit.train_tokenizer(corpus, tmp_path / "tok", family="bpe", vocab_sizes=(300,))
    from tokit.ops.fit import pretrain

    settings = {"hidden_size": 16, "context_length": 16, "batch_size": 2, "max_steps": 3, "validation_fraction": 0.2}
    report = pretrain(corpus, tmp_path / "tok", tmp_path / "m", family="llama", size="tiny", settings=settings)
    done = bench("bits", "--corpus", str(text), "-t", str(tmp_path / "tok"), "--models", str(tmp_path / "m"))
    assert done.returncode == 0, done.stdout + done.stderr
    few, ngram = [line.split("│") for line in done.stdout.splitlines() if "5-gram │" in line]
    (model,) = [line for line in done.stdout.splitlines() if "llama" in line]
    assert f"{report.bits_per_byte:.3f}" in model
    # All lines begin alike: some bits for the words that differ, and next to none for the rest.
    assert 0.1 < float(ngram[-3]) < 1
    # The model saw three steps of two rows of 16 tokens.
    assert 0 < int(few[3]) <= 96 < int(ngram[3].replace(",", "")) and float(few[-3]) > float(ngram[-3])
    other = tmp_path / "other.txt"
    other.write_text("something else\n")
    refused = bench("bits", "--corpus", str(other), "-t", str(tmp_path / "tok"), "--models", str(tmp_path / "m"))
    assert refused.returncode and "is not what the models were trained on" in refused.stderr


def test_pretraining_stands_beside_the_trainer(tmp_path: Path) -> None:
    for module in ("torch", "accelerate"):
        pytest.importorskip(module, reason="needs the extras 'contextual' and 'bench'")
    text, saved = tmp_path / "text.txt", tmp_path / "pretrain.json"
    text.write_text("the cat sat on the mat and the dog ran to the cat\n" * 200, encoding="utf-8")
    settings = ["--size", "tiny", "--steps", "4", "--batch", "4", "--context", "16", "--vocab-size", "300"]
    done = bench("pretrain", "--corpus", str(text), *settings, "--rounds", "1", "--threads", "1", "--save", str(saved))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(saved.read_text("utf-8"))
    assert list(found) == ["tokit", "Trainer"]
    # Whole batches of whole documents, all of one length.
    seen = found["tokit"]["tokens"][0]
    assert seen % (4 * 16) == 0 and abs(found["Trainer"]["tokens"][0] - seen) <= 2 * 16
    for result in found.values():
        assert result["error"] == "" and result["seconds"][0] > 0 and 4 < result["losses"][0] < 7
