"""A folder of a language model as transformers, sentence-transformers and ONNX Runtime load it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")

from transformers import AutoModel, AutoTokenizer  # noqa: E402

from tokit.lm import LANGUAGE_MODELS  # noqa: E402
from tokit.lm.contextual_embedder import open_contextual_embedder  # noqa: E402
from tokit.ops.export_onnx import export_model  # noqa: E402

pytestmark = pytest.mark.slow

TEXTS = 1000
AT_ONCE = 50
# tokit reads the text of a special token in a document as text; the libraries do so when asked.
AS_TEXT = {"split_special_tokens": True}


@pytest.fixture(scope="module", params=list(LANGUAGE_MODELS))
def folder(request: pytest.FixtureRequest, model_folder: Callable[[str], Path]) -> Path:
    return model_folder(request.param)


@pytest.fixture(scope="module")
def texts(lines: list[str]) -> list[str]:
    wanted = [line for line in lines if line]
    return (wanted * (TEXTS // len(wanted) + 1))[:TEXTS]


@pytest.fixture(scope="module")
def vectors(folder: Path, texts: list[str]) -> Any:
    return open_contextual_embedder(folder).embed(texts)


def test_auto_model_and_tokenizer(folder: Path, texts: list[str], vectors: Any) -> None:
    if not LANGUAGE_MODELS.get(folder.name).stock:
        pytest.skip("no class of transformers")
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder, **AS_TEXT)
    for text, vector in list(zip(texts, vectors, strict=True))[::10]:
        given = tokenizer(text, return_tensors="pt", truncation=True)
        with torch.no_grad():
            states = model(**given).last_hidden_state[0]
        assert np.allclose(states.mean(dim=0).numpy(), vector, atol=1e-4)


def test_sentence_transformer(folder: Path, texts: list[str], vectors: Any) -> None:
    if not LANGUAGE_MODELS.get(folder.name).stock:
        pytest.skip("no class of transformers")
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs sentence-transformers")
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    model.tokenizer.split_special_tokens = True
    assert np.abs(model.encode(texts) - vectors).max() < 1e-4


def test_onnx_runtime(folder: Path, texts: list[str], vectors: Any, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    export_model(folder, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    tokenizer = AutoTokenizer.from_pretrained(folder, **AS_TEXT)
    for first in range(0, TEXTS, AT_ONCE):
        given = tokenizer(texts[first : first + AT_ONCE], return_tensors="np", truncation=True, padding=True)
        real = given["attention_mask"]
        (states,) = session.run(None, {"input_ids": given["input_ids"], "attention_mask": real})
        means = (states * real[:, :, None]).sum(axis=1) / real.sum(axis=1, keepdims=True)
        assert np.abs(means - vectors[first : first + AT_ONCE]).max() < 1e-4
