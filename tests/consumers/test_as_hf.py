"""A tokenizer as an object of transformers: the same results as `AutoTokenizer` of the same folder."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, DataCollatorWithPadding, PreTrainedTokenizerFast

from tests.support.texts import HOSTILE_TEXTS
from tokit.tokenizer.load import load_tokenizer

TEXTS = [*HOSTILE_TEXTS, "a<|endoftext|>b", "<|mask|>", "the cat " * 20]
CALLS: list[dict[str, Any]] = [
    {},
    {"add_special_tokens": False},
    {"truncation": True, "max_length": 7},
    {"padding": True},
    {"padding": "max_length", "max_length": 12, "truncation": True, "return_tensors": "np"},
    {"padding": True, "pad_to_multiple_of": 8, "padding_side": "left"},
    {"split_special_tokens": True},
    {"return_token_type_ids": True, "return_attention_mask": False},
    {"text_pair": TEXTS[::-1], "truncation": True, "max_length": 9},
    {"return_offsets_mapping": True},
]


def same(found: Any, expected: Any) -> None:
    """Equal results, key by key."""
    assert set(found) == set(expected)
    for key in expected:
        if isinstance(expected[key], np.ndarray):
            assert np.array_equal(found[key], expected[key]), key
        else:
            assert found[key] == expected[key], key


@pytest.mark.parametrize("settings", CALLS, ids=str)
def test_calls_give_what_auto_tokenizer_gives(variant_folder: Path, settings: dict[str, Any]) -> None:
    hf = load_tokenizer(variant_folder).as_hf()
    assert isinstance(hf, PreTrainedTokenizerFast)
    same(hf(TEXTS, **settings), AutoTokenizer.from_pretrained(variant_folder)(TEXTS, **settings))


@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_any_texts(trained_folder: Callable[[str], Path], texts: list[str]) -> None:
    folder = trained_folder("wordpiece")
    hf, reference = _cached(folder)
    same(hf(texts, padding=True), reference(texts, padding=True))


def _cached(folder: Path, found: dict[Path, Any] = {}) -> Any:  # noqa: B006 - one for all examples
    if folder not in found:
        found[folder] = load_tokenizer(folder).as_hf(), AutoTokenizer.from_pretrained(folder)
    return found[folder]


def test_single_texts_and_places_take_the_ordinary_way(bpe_folder: Path) -> None:
    hf, reference = load_tokenizer(bpe_folder).as_hf(), AutoTokenizer.from_pretrained(bpe_folder)
    same(hf("the cat"), reference("the cat"))
    assert hf(["the cat sat"]).word_ids(0) == reference(["the cat sat"]).word_ids(0)
    assert hf(["the cat sat"]).char_to_token(0, 4) == reference(["the cat sat"]).char_to_token(0, 4)


def test_batches_run_in_tokit(bpe_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    hf, batches = tokenizer.as_hf(), []
    encode = type(tokenizer).encode_batch
    monkeypatch.setattr(type(tokenizer), "encode_batch", lambda *a, **k: batches.append(len(a[1])) or encode(*a, **k))
    hf(TEXTS, padding=True)
    assert batches == [len(TEXTS)]
    hf.add_tokens(["zyzzyva"])
    reference = AutoTokenizer.from_pretrained(bpe_folder)
    reference.add_tokens(["zyzzyva"])
    same(hf(["a zyzzyva b"]), reference(["a zyzzyva b"]))
    assert batches == [len(TEXTS)]


def test_copies_and_saved_folders(bpe_folder: Path, tmp_path: Path) -> None:
    hf = load_tokenizer(bpe_folder).as_hf()
    expected = hf(TEXTS, padding=True)
    for again in (copy.deepcopy(hf), pickle.loads(pickle.dumps(hf))):
        same(again(TEXTS, padding=True), expected)
    hf.save_pretrained(tmp_path / "saved")
    same(AutoTokenizer.from_pretrained(tmp_path / "saved")(TEXTS, padding=True), expected)


def test_collator_and_datasets(bpe_folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("torch")
    hf, reference = load_tokenizer(bpe_folder).as_hf(), AutoTokenizer.from_pretrained(bpe_folder)
    rows = datasets.Dataset.from_dict({"text": TEXTS})
    results = []
    for tokenizer in (hf, reference):
        encoded = rows.map(lambda row, t=tokenizer: t(row["text"]), batched=True, remove_columns=["text"])
        results.append(DataCollatorWithPadding(tokenizer)([encoded[number] for number in range(4)]))
    assert results[0]["input_ids"].tolist() == results[1]["input_ids"].tolist()
    assert results[0]["attention_mask"].tolist() == results[1]["attention_mask"].tolist()
