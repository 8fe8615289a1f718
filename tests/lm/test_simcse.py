"""The sentence stage: its loss by hand, what it does to vectors of documents, and killed runs that go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tokit.corpus import open_corpus  # noqa: E402
from tokit.lm.contextual_embedder import open_contextual_embedder  # noqa: E402
from tokit.lm.plan import InitOptions  # noqa: E402
from tokit.lm.train import pretraining_loop  # noqa: E402
from tokit.lm.train.simcse import SHORTEST_PART, contrast_loss, means_of, parts_of, row_contrast_loss  # noqa: E402
from tokit.ops.fit import pretrain  # noqa: E402

pytestmark = pytest.mark.slow

FAMILIES = ["bert", "llama", "modernbert", "lstm"]
TINY = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 2,
    "context_length": 48,
    "batch_size": 8,
    "max_steps": 20,
    "validation_fraction": 0.1,
}
STAGE = {
    "context_length": 48,
    "batch_size": 8,
    "max_steps": 24,
    "learning_rate": 0.003,
    "validation_fraction": 0.2,
    "precision": "float32",
}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Path:
    out: Path = tmp_path_factory.mktemp("models") / request.param
    settings = {name: value for name, value in TINY.items() if request.param != "lstm" or name != "heads"}
    corpus = open_corpus([str(corpus_file)])
    pretrain(corpus, bpe_folder, out, family=request.param, size="tiny", settings=settings, threads=1)
    return out


def stage(model: Path, corpus_file: Path, out: Path, **given: Any) -> Any:
    return pretrain(
        open_corpus([str(corpus_file)]), None, out, family=model.name, init=InitOptions(model), sentence="simcse",
        settings={**STAGE, **given.pop("settings", {})}, threads=1, **given,
    )  # fmt: skip


def test_the_contrast_is_that_of_the_paper() -> None:
    random = np.random.default_rng(0)
    one, two = (random.normal(size=(5, 7)) for _ in range(2))
    losses = []
    for i in range(5):
        cosines = [one[i] @ two[j] / np.linalg.norm(one[i]) / np.linalg.norm(two[j]) for j in range(5)]
        shares = np.exp(np.array(cosines) / 0.05)
        losses.append(-np.log(shares[i] / shares.sum()))
    found = contrast_loss(torch.from_numpy(one), torch.from_numpy(two), 0.05)
    assert float(found) == pytest.approx(np.mean(losses))


def test_parts_of_documents_and_their_means_are_those_of_a_plain_loop() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        documents = np.sort(random.integers(0, 9, size=(3, 20)), axis=1) + np.arange(3)[:, None] * 8
        vectors = random.normal(size=(60, 4)).astype(np.float32)
        wanted = []
        for row, of in zip(vectors.reshape(3, 20, 4), documents, strict=True):
            parts = [row[of == number] for number in dict.fromkeys(of.tolist())]
            wanted += [part.mean(axis=0) for part in parts if len(part) >= SHORTEST_PART]
        parts, count = parts_of(documents)
        assert count == len(wanted)
        assert np.allclose(means_of(torch.from_numpy(vectors), parts, count).numpy(), wanted, atol=1e-6)


def test_documents_are_told_apart_better(model: Path, corpus_file: Path, tmp_path: Path, lines: list[str]) -> None:
    report = stage(model, corpus_file, tmp_path / "taught")
    assert report.bits_per_byte is None and report.pseudo_bits_per_byte is None
    assert report.held_out_loss < report.evaluations[0]["loss"]
    texts = [line for line in lines if len(line) > 20][:60]

    def alike(folder: Path) -> float:
        vectors = open_contextual_embedder(folder).embed(texts)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors @ vectors.T
        return float((cosines.sum() - len(texts)) / len(texts) / (len(texts) - 1))

    assert alike(tmp_path / "taught") < alike(model) - 0.02
    assert json.loads((tmp_path / "taught" / "tokit.json").read_text("utf-8"))["pretraining"]["sentence"] == "simcse"


def test_a_stage_that_was_killed_goes_on_to_the_same_bytes(
    model: Path, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(model, corpus_file, tmp_path / "whole")
    learn = pretraining_loop.PretrainingLoop._learn

    def killed(self: pretraining_loop.PretrainingLoop, batch: Any) -> None:
        if self._step == 13:
            raise KeyboardInterrupt
        learn(self, batch)

    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_learn", killed)
    with pytest.raises(KeyboardInterrupt):
        stage(model, corpus_file, tmp_path / "halves", checkpoint_every=5 * 8 * 48)
    monkeypatch.undo()
    stage(model, corpus_file, tmp_path / "halves", checkpoint_every=5 * 8 * 48, resume=True)
    files = [json.loads((tmp_path / out / "tokit.json").read_text("utf-8"))["files"] for out in ("whole", "halves")]
    assert files[0] == files[1]


def test_one_document_alone_has_nothing_to_be_told_from(model: Path) -> None:
    from tokit.lm import language_model_family
    from tokit.lm.folder.model_folder import open_model

    rows = tuple(np.zeros((1, 8), dtype=np.int64) for _ in range(3))
    assert row_contrast_loss(language_model_family(model.name), open_model(model), rows, 0.05) is None


@pytest.mark.parametrize("model", ["bert"], indirect=True)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--sentence", "simsce"], "did you mean 'simcse'?"),
        (["--sentence", "simcse", "--dropout", "0"], "--sentence needs dropout"),
    ],
)
def test_what_cannot_be_meant_is_named(
    model: Path, corpus_file: Path, cli: Any, tmp_path: Path, given: list[str], said: str
) -> None:
    ran = cli("fit", "bert", corpus_file, "--from", model, "-o", tmp_path / "out", *given)
    assert ran.code == 2 and said in ran.err and not (tmp_path / "out").exists()


def test_it_is_a_stage_of_a_language_model(corpus_file: Path, bpe_folder: Path, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = cli("fit", "bert", corpus_file, "-t", bpe_folder, "-o", out, "--sentence", "simcse")
    assert ran.code == 2 and "--from MODEL" in ran.err
    ran = cli("fit", "skipgram", corpus_file, "-t", bpe_folder, "-o", out, "--sentence", "simcse")
    assert ran.code == 2 and "--sentence is an option of bert" in ran.err
