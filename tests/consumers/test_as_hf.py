"""A tokenizer as an object of transformers: the same results as `AutoTokenizer` of the same folder."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertTokenizerFast,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
)

from tests.support.texts import HOSTILE_TEXTS
from tokit.tokenizer.base import EncodeOptions
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


def add_ordinary(hf: Any) -> None:
    hf.add_tokens(["the", "at"])


def add_special(hf: Any) -> None:
    hf.add_special_tokens({"pad_token": "the"})


def add_stripping(hf: Any) -> None:
    hf.add_tokens([AddedToken("<|pad|>", lstrip=True, rstrip=True, special=True)])


def replace_normalizer(hf: Any) -> None:
    hf.backend_tokenizer.normalizer = normalizers.Lowercase()


def replace_splitter(hf: Any) -> None:
    hf.backend_tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()


def replace_template(hf: Any) -> None:
    hf.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A:0", pair="$A $B", special_tokens=[])


def change_settings(hf: Any) -> None:
    hf.padding_side = hf.truncation_side = "left"
    hf.model_input_names = ["input_ids"]
    hf.model_max_length = 6


CHANGES = [
    add_ordinary, add_special, add_stripping, replace_normalizer, replace_splitter, replace_template, change_settings,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("again", [lambda hf: hf, copy.deepcopy, lambda hf: pickle.loads(pickle.dumps(hf))])
def test_changes_are_those_of_auto_tokenizer(
    bpe_folder: Path, change: Callable[[Any], None], again: Callable[[Any], Any]
) -> None:
    hf, reference = load_tokenizer(bpe_folder).as_hf(), AutoTokenizer.from_pretrained(bpe_folder)
    texts = [*TEXTS, "The cat that SAT", "x  <|pad|>  y"]
    change(hf)
    change(reference)
    hf = again(hf)
    for settings in CALLS[:7]:
        same(hf(texts, **settings), reference(texts, **settings))
    assert (hf.padding_side, hf.model_max_length) == (reference.padding_side, reference.model_max_length)


def test_tokenizers_that_transformers_makes_of_it(bpe_folder: Path, tmp_path: Path) -> None:
    hf, reference = load_tokenizer(bpe_folder).as_hf(), AutoTokenizer.from_pretrained(bpe_folder)
    corpus = ["the cat sat on the mat"] * 9
    trained, expected = (one.train_new_from_iterator(corpus, 300) for one in (hf, reference))
    same(trained(TEXTS), expected(TEXTS))
    hf.save_pretrained(tmp_path)
    same(type(hf).from_pretrained(tmp_path)(TEXTS, padding=True), reference(TEXTS, padding=True))


def test_file_decides_where_a_class_builds_its_parts_anew(tmp_path: Path, bpe_folder: Path) -> None:
    """transformers' LlamaTokenizer replaces what tokenizer.json says; a text alone and a batch have the same ids."""
    shutil.copy(bpe_folder / "tokenizer.json", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer"}))
    tokenizer = load_tokenizer(tmp_path)
    hf = tokenizer.as_hf()
    texts = [text for text in TEXTS if text]
    expected = [tokenizer.encode(text, EncodeOptions(parse_special=True)) for text in texts]
    assert hf(texts, add_special_tokens=False)["input_ids"] == expected
    assert [hf(text, add_special_tokens=False)["input_ids"] for text in texts] == expected


def test_vocabulary_of_bert_gives_token_types(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    hf, reference = load_tokenizer(tmp_path / "vocab.txt").as_hf(), BertTokenizerFast(str(tmp_path / "vocab.txt"))
    texts, pairs = ["the cats sat", "sat"], ["cat", "the the"]
    same(hf(texts, padding=True), reference(texts, padding=True))
    same(hf(texts, pairs, padding=True), reference(texts, pairs, padding=True))
    assert hf.special_tokens_map == reference.special_tokens_map


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


def test_masking_and_pipelines(bpe_folder: Path) -> None:
    """A collator that masks tokens, and pipelines that fill masks, mark words and write on."""
    torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
    results = []
    for tokenizer in (load_tokenizer(bpe_folder).as_hf(), AutoTokenizer.from_pretrained(bpe_folder)):
        torch.manual_seed(0)
        size = {"vocab_size": len(tokenizer), "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        bert = transformers.BertConfig(**size, intermediate_size=8, num_labels=3)
        gpt2 = transformers.GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=2, eos_token_id=None)
        masked = DataCollatorForLanguageModeling(tokenizer)([tokenizer(text) for text in TEXTS[:4]])
        filler = transformers.BertForMaskedLM(bert).eval()
        marker = transformers.BertForTokenClassification(bert).eval()
        writer = transformers.GPT2LMHeadModel(gpt2).eval()
        marks = transformers.pipeline(
            "token-classification", marker, tokenizer=tokenizer, aggregation_strategy="simple"
        )
        results.append(
            {
                **{name: array.tolist() for name, array in masked.items()},
                "filled": transformers.pipeline("fill-mask", filler, tokenizer=tokenizer)("The <|mask|> cat"),
                "marked": str(marks("the cat of Mr. Smith in Zürich")),
                "written": transformers.pipeline("text-generation", writer, tokenizer=tokenizer)(
                    "the cat", max_new_tokens=8, do_sample=False
                ),
            }
        )
    same(*results)
