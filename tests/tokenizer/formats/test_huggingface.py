"""Old forms of tokenizer.json, other JSON under its name, and folders that transformers reads by their class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.foreign_files import (
    BYTE_LEVEL,
    byte_level_bpe,
    byte_level_vocab,
    word_level,
    write_json,
    write_tokenizer_json,
)
from tests.support.transformers_roles import ids_in_transformers, roles_in_transformers
from tokit.errors import ArtifactError
from tokit.text.pipeline import PATTERNS
from tokit.tokenizer.load import load_tokenizer

SPACED = {"a": 0, "b": 1, " ": 2, "a ": 3, "a b": 4, "ab": 5}
VOCAB = byte_level_vocab("th", "the", "12", "123", "Ġ1", "<|endoftext|>")
MERGES = [["t", "h"], ["th", "e"], ["1", "2"], ["12", "3"], ["Ġ", "1"]]
BPE = {"type": "BPE", "vocab": VOCAB, "merges": MERGES}


@pytest.mark.parametrize("form", ["text", "pairs"])
def test_merges_with_a_space_in_a_token(tmp_path: Path, form: str) -> None:
    pairs = [["a", " "], ["a ", "b"], ["a", "b"]]
    merges: list[Any] = pairs if form == "pairs" else [" ".join(pair) for pair in pairs]
    model = {"type": "BPE", "vocab": SPACED, "merges": merges}
    tokenizer = load_tokenizer(write_tokenizer_json(tmp_path / "t.json", model=model, pre_tokenizer=None))
    assert tokenizer.encode_batch(["a b", "a bab", "a "]) == [[4], [4, 5], [3]]


@pytest.mark.parametrize(
    ("vocab", "merge", "ways"),
    [({"a": 0, "b": 1}, "a  b", 0), ({"a": 0, " b": 1, "a ": 2, "b": 3, "a b": 4, "a  b": 5}, "a  b", 2)],
)
def test_merges_that_cannot_be_split_are_refused(tmp_path: Path, vocab: dict[str, int], merge: str, ways: int) -> None:
    path = write_tokenizer_json(tmp_path / "t.json", model={"type": "BPE", "vocab": vocab, "merges": [merge]})
    with pytest.raises(ArtifactError, match=f"can be split in {ways} ways"):
        load_tokenizer(path)


@pytest.mark.parametrize("name", ["tokenizer.json", "anything.json"])
def test_vocabulary_alone_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="a vocabulary alone"):
        load_tokenizer(write_json(tmp_path / name, {"the": 0, "cat": 1}))


def split(pattern: str) -> dict[str, Any]:
    """A pre-tokenizer of byte-level BPE."""
    regex = {"type": "Split", "pattern": {"Regex": PATTERNS[pattern]}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [regex, {**BYTE_LEVEL, "use_regex": False}]}


def bert(**options: Any) -> dict[str, Any]:
    """BERT's pipeline with a normalizer of its own."""
    normalizer = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **options}
    vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4, "Über": 5, "uber": 6, "über": 7, "the": 8}
    model = {
        "type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }  # fmt: skip
    return {
        "model": model, "normalizer": {"type": "BertNormalizer", **normalizer},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }  # fmt: skip


METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
LLAMA_MODEL = {
    "type": "BPE", "merges": [], "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "t": 4, "h": 5, "e": 6},
    "byte_fallback": True, "fuse_unk": True,
}  # fmt: skip
LLAMA = {"model": LLAMA_MODEL, "pre_tokenizer": METASPACE, "decoder": None}
# Name → parts of tokenizer.json, settings, and whether transformers gives other ids.
CLASSES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "gpt2": ({"model": BPE, "pre_tokenizer": BYTE_LEVEL}, {"tokenizer_class": "GPT2Tokenizer"}, False),
    "gpt2 in two steps": ({"model": BPE, "pre_tokenizer": split("gpt2")}, {"tokenizer_class": "GPT2Tokenizer"}, False),
    "gpt4o": ({"model": BPE, "pre_tokenizer": split("o200k")}, {"tokenizer_class": "GPT2TokenizerFast"}, True),
    "whole words": (
        {"model": {**BPE, "ignore_merges": True, "merges": MERGES[1:]}, "pre_tokenizer": BYTE_LEVEL},
        {"tokenizer_class": "GPT2Tokenizer"}, True,
    ),
    "plain class": (
        {"model": BPE, "pre_tokenizer": split("o200k")}, {"tokenizer_class": "PreTrainedTokenizerFast"}, False
    ),
    "qwen": (
        {"model": BPE, "pre_tokenizer": split("qwen2"), "normalizer": {"type": "NFC"}},
        {"tokenizer_class": "Qwen2Tokenizer"}, False,
    ),
    "qwen with digits": (
        {"model": BPE, "pre_tokenizer": split("llama3"), "normalizer": {"type": "NFC"}},
        {"tokenizer_class": "Qwen2Tokenizer"}, True,
    ),
    "bert": (bert(), {"tokenizer_class": "BertTokenizer"}, False),
    "bert of another case": (bert(lowercase=False), {"tokenizer_class": "BertTokenizer"}, True),
    "bert with accents": (
        bert(strip_accents=False), {"tokenizer_class": "BertTokenizer", "strip_accents": False}, False
    ),
    "llama 2": (
        {
            "model": LLAMA_MODEL, "pre_tokenizer": None, "decoder": None,
            "normalizer": {
                "type": "Sequence",
                "normalizers": [
                    {"type": "Prepend", "prepend": "▁"},
                    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                ],
            },
        },
        {"tokenizer_class": "LlamaTokenizer"}, True,
    ),
    "llama 3": ({"model": BPE, "pre_tokenizer": split("llama3")}, {"tokenizer_class": "LlamaTokenizerFast"}, False),
    "llama": (LLAMA, {"tokenizer_class": "LlamaTokenizer"}, False),
}  # fmt: skip
TEXTS = ["the123 1234", "Über the", "the\n\n the", " the", " 1", "thThe's 12", "", "e\u0301"]


@pytest.mark.parametrize("name", CLASSES)
def test_class_that_transformers_follows_instead_is_said(tmp_path: Path, name: str) -> None:
    transformers = pytest.importorskip("transformers")
    parts, config, differs = CLASSES[name]
    write_tokenizer_json(tmp_path / "tokenizer.json", **{"decoder": BYTE_LEVEL, **parts})
    write_json(tmp_path / "tokenizer_config.json", config)
    ours = load_tokenizer(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    same = ours.encode_batch(TEXTS) == ids_in_transformers(theirs, TEXTS)
    assert sum("transformers splits text as its class" in note for note in ours.notes) == differs
    assert same is not differs


@pytest.mark.parametrize(
    ("name", "texts"), [("GemmaTokenizer", ("<unk>", "<bos>", "<eos>", "<pad>", "<mask>")), ("GPT2Tokenizer", ())]
)
def test_special_tokens_of_the_class_are_special(tmp_path: Path, name: str, texts: tuple[str, ...]) -> None:
    transformers = pytest.importorskip("transformers")
    model = {"type": "BPE", "vocab": byte_level_vocab("<|endoftext|>", *texts), "merges": []}
    write_tokenizer_json(tmp_path / "tokenizer.json", model=model, pre_tokenizer=BYTE_LEVEL, decoder=BYTE_LEVEL)
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": name})
    ours = load_tokenizer(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert ours.special_ids == roles_in_transformers(theirs)
    assert ours.encode("<mask>") == [VOCAB[sign] for sign in "<mask>"]


def test_model_of_another_class_reads_the_file(tmp_path: Path) -> None:
    write_tokenizer_json(tmp_path / "tokenizer.json", model=word_level({"<UNK>": 0, "the": 1}))
    write_json(tmp_path / "config.json", {"model_type": "something-new"})
    assert load_tokenizer(tmp_path).notes == ()
    write_tokenizer_json(tmp_path / "tokenizer.json", model=byte_level_bpe(VOCAB), pre_tokenizer=BYTE_LEVEL)
    assert load_tokenizer(tmp_path).notes == ()
