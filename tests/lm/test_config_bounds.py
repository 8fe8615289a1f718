"""Configurations with sizes that their weights cannot have: refused before anything is built or allocated."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.support.contextual_models import save_model  # noqa: E402
from tokit.errors import ArtifactError  # noqa: E402
from tokit.lm.families.lstm_model import LstmConfig, LstmLanguageModel, save_lstm  # noqa: E402
from tokit.lm.folder.model_folder import open_model  # noqa: E402

# An entry, and what the error says.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"num_hidden_layers": 10**8}, "num_hidden_layers is 100,000,000"),
    ({"num_hidden_layers": -1}, "num_hidden_layers is -1"),
    ({"num_hidden_layers": 1e300}, "num_hidden_layers"),
    ({"hidden_size": -1}, "hidden_size is -1"),
    ({"hidden_size": 10**6}, "parameters"),
    ({"vocab_size": 10**12}, "vocab_size"),
    ({"max_position_embeddings": 10**12}, "max_position_embeddings"),
    ({"max_position_embeddings": 10**7, "hidden_size": 2048}, "parameters"),
    ({"num_labels": 10**9}, "num_labels"),
    ({"num_attention_heads": 10**9}, "num_attention_heads"),
    ({"text_config": {"num_hidden_layers": 10**8}}, "num_hidden_layers"),
]


def changed(folder: Path, entries: dict[str, Any]) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | entries), encoding="utf-8")
    return folder


def assert_refused(folder: Path, part: str) -> None:
    started = time.process_time()
    with pytest.raises(ArtifactError, match=part):
        open_model(folder)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(("entries", "part"), WRONG, ids=[str(entries) for entries, _ in WRONG])
def test_sizes_that_the_weights_cannot_have(
    bpe_folder: Path, tmp_path: Path, entries: dict[str, Any], part: str
) -> None:
    folder = save_model("bert", bpe_folder, tmp_path / "model")
    open_model(folder)
    assert_refused(changed(folder, entries), part)


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"num_hidden_layers": 10**8}, "num_hidden_layers"),
        ({"vocab_size": 10**12}, "vocab_size"),
        ({"direction_size": 10**7}, "parameters"),
        ({"num_hidden_layers": -1}, "num_hidden_layers"),
    ],
)
def test_sizes_of_our_own_model(tmp_path: Path, entries: dict[str, Any], part: str) -> None:
    save_lstm(LstmLanguageModel(LstmConfig(10, 4, 1, 8, 0)), tmp_path)
    open_model(tmp_path)
    assert_refused(changed(tmp_path, entries), part)


@pytest.mark.parametrize("family", ["bert", "llama", "modernbert"])
def test_entries_that_mean_no_limit_are_allowed(family: str, bpe_folder: Path, tmp_path: Path) -> None:
    folder = save_model(family, bpe_folder, tmp_path / "model")
    entries = {"max_relative_positions": -1, "window_size": -1, "seed": 10**12, "model_max_length": 10**30}
    open_model(changed(folder, entries))
