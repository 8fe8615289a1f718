"""Settings files beside a tokenizer.json: special tokens, roles and added tokens are those of transformers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.foreign_files import (
    BYTE_LEVEL,
    added,
    byte_level_bpe,
    byte_level_vocab,
    with_a_gap,
    word_level,
    write_json,
    write_tokenizer_json,
)
from tests.support.program import Ran
from tests.support.transformers_roles import ids_in_transformers, roles_in_transformers
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

MORE = ("th", "the", "<|endoftext|>", "<|im_end|>", "<s>")
BYTES = {
    "model": byte_level_bpe(byte_level_vocab(*MORE)),
    "pre_tokenizer": BYTE_LEVEL,
    "decoder": BYTE_LEVEL,
    "added_tokens": [added("<|endoftext|>", 258), added("<|im_end|>", 259)],
}
WORDS = {"model": word_level({"<UNK>": 0, "the": 1, "cat": 2, "[PAD]": 3})}
PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast"}
MARKER = {"content": "<|user|>", "special": True, "lstrip": False, "rstrip": True, "single_word": False}
# Name → parts of tokenizer.json, tokenizer_config.json, and other files.
FOLDERS: dict[str, tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]] = {
    "end by config": (BYTES, {**PLAIN, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}, {}),
    "end as an object": (BYTES, {**PLAIN, "eos_token": {"__type": "AddedToken", **MARKER}}, {}),
    "null roles": (BYTES, {**PLAIN, "eos_token": "<|im_end|>", "bos_token": None, "unk_token": None}, {}),
    "begin": (BYTES, {**PLAIN, "bos_token": "<s>", "eos_token": "<|im_end|>"}, {}),
    "unknown by model": (WORDS, {**PLAIN, "unk_token": "<UNK>", "eos_token": "<end>"}, {}),
    "added by config": (
        BYTES,
        {
            **PLAIN,
            "added_tokens_decoder": {
                "261": {**MARKER, "normalized": False},
                "259": {**MARKER, "content": "<|im_end|>", "lstrip": True},
            },
            "eos_token": "<|user|>",
        },
        {},
    ),
    "extra by config": (BYTES, {**PLAIN, "eos_token": "<|im_end|>", "extra_special_tokens": ["<a>", "<b>"]}, {}),
    "additional by config": (
        BYTES, {**PLAIN, "eos_token": "<|im_end|>", "additional_special_tokens": ["<a>", "<|im_end|>"]}, {}
    ),
    "named extra tokens": (
        BYTES, {**PLAIN, "eos_token": "<|im_end|>", "extra_special_tokens": {"image_token": "<image>"}}, {}
    ),
    "a role of its own": (BYTES, {**PLAIN, "eos_token": "<|im_end|>", "audio_token": "<audio>"}, {}),
    "special_tokens_map": (
        BYTES, PLAIN,
        {
            "special_tokens_map.json": {
                "eos_token": "<|im_end|>", "additional_special_tokens": ["<a>"], "pad_token": MARKER,
            }
        },
    ),
    "map that the config overrules": (
        BYTES,
        {**PLAIN, "eos_token": "<|endoftext|>", "added_tokens_decoder": {"261": {**MARKER, "normalized": False}}},
        {"special_tokens_map.json": {"eos_token": "<|im_end|>"}, "added_tokens.json": {"<no>": 262}},
    ),
    "added_tokens.json": (
        BYTES, {**PLAIN, "eos_token": "<|im_end|>"}, {"added_tokens.json": {"<|user|>": 261, "    ": 262}}
    ),
    "added and special": (
        BYTES, PLAIN,
        {
            "added_tokens.json": {"<|user|>": 262, "<|bot|>": 261},
            "special_tokens_map.json": {"eos_token": "<|im_end|>", "additional_special_tokens": ["<|user|>"]},
        },
    ),
}  # fmt: skip
TEXTS = [
    "the cat", "<|user|> the<|im_end|>\n", " <a><b> <image><audio>", "<s>the</s> [PAD]", "the <UNK> dog", "",
    "<|endoftext|>", "a    b <|bot|> <|im_end|>  x <end>", "a\u0301 北京 🙂",
]  # fmt: skip


def write_folder(folder: Path, name: str) -> Path:
    parts, config, others = FOLDERS[name]
    write_tokenizer_json(folder / "tokenizer.json", **parts)
    for file, content in {"tokenizer_config.json": config, **others}.items():
        if content is not None:
            write_json(folder / file, content)
    return folder


@pytest.mark.parametrize("name", FOLDERS)
def test_roles_and_ids_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = write_folder(tmp_path, name)
    theirs = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ours = load_tokenizer(folder)
    assert ours.encode_batch(TEXTS, EncodeOptions(parse_special=True)) == ids_in_transformers(theirs, TEXTS)
    assert ours.vocab_size == len(theirs)
    assert roles_in_transformers(theirs).items() <= ours.special_ids.items()
    if name == "added and special":
        # The map lists the token as special; transformers 5 parses it even where special tokens are text.
        assert ours.pieces.special[262]
        return
    theirs.split_special_tokens = True
    theirs._tokenizer.encode_special_tokens = True
    assert ours.encode_batch(TEXTS) == ids_in_transformers(theirs, TEXTS)


@pytest.mark.parametrize("name", FOLDERS)
def test_copy_in_a_folder_is_the_same_tokenizer(name: str, tmp_path: Path) -> None:
    ours = load_tokenizer(write_folder(tmp_path, name))
    copy = tmp_path / "copy"
    copy.mkdir()
    ours.save_files(copy)
    again = load_tokenizer(copy)
    options = EncodeOptions(parse_special=True)
    assert again.encode_batch(TEXTS, options) == ours.encode_batch(TEXTS, options)
    assert (again.special_ids, again.sha256) == (ours.special_ids, ours.sha256)


@pytest.mark.parametrize("name", ["end by config", "added by config", "added and special", "unknown by model"])
def test_shards_end_with_the_token_of_the_config(name: str, tmp_path: Path, cli: Callable[..., Ran]) -> None:
    folder = write_folder(tmp_path, name)
    ran = cli("encode", "-t", folder, "-o", tmp_path / "shards", stdin=b"the cat\nthe\n")
    assert ran.code == 0, ran.err
    manifest = json.loads((tmp_path / "shards" / "tokit.json").read_text())
    assert manifest["end_of_text"] == load_tokenizer(folder).special_ids["endoftext"]
    pipe = cli("encode", "-t", folder, stdin=b"the cat\nthe\n").out
    assert cli("decode", tmp_path / "shards").out == cli("decode", "-t", folder, stdin=pipe).out


def test_unknown_token_of_the_model_counts(tmp_path: Path, cli: Callable[..., Ran]) -> None:
    words = write_tokenizer_json(tmp_path / "w.json", model=word_level({"[UNK]": 0, "the": 1, "cat": 2}, "[UNK]"))
    unigram = write_tokenizer_json(
        tmp_path / "u.json",
        model={"type": "Unigram", "vocab": [["a", -1.0], ["<huh>", 0.0], ["the", -1.0]], "unk_id": 1},
    )
    bpe = write_tokenizer_json(
        tmp_path / "b.json", model={"type": "BPE", "vocab": {"a": 0, "<U>": 1}, "merges": [], "unk_token": "<U>"}
    )
    for path, unknown in ((words, 0), (unigram, 1), (bpe, 1)):
        assert load_tokenizer(path).unknown_id == unknown
    ran = cli("compare", words, unigram, bpe, "--json", stdin=b"the dog the cat bites\n")
    rows = json.loads(ran.out)["tokenizers"]
    assert [round(row["unknown_rate"], 3) for row in rows] == [0.4, 0.571, 0.941]


def test_ids_that_the_library_moves_are_said(tmp_path: Path) -> None:
    path = write_tokenizer_json(tmp_path / "tokenizer.json", **{**WORDS, "added_tokens": [added("<x>", 9)]})
    assert load_tokenizer(path).notes == ("'<x>' has id 4 in the tokenizers library, not 9 as the file says",)
    write_tokenizer_json(path, **WORDS)
    write_json(tmp_path / "tokenizer_config.json", {**PLAIN, "added_tokens_decoder": {"11": MARKER}})
    assert "'<|user|>' has id 4 as in transformers, not 11" in load_tokenizer(tmp_path).notes[0]


def test_added_token_on_a_taken_id_is_refused(tmp_path: Path) -> None:
    vocab = with_a_gap({"<UNK>": 0, "the": 1, "cat": 2}, 2)
    path = write_tokenizer_json(tmp_path / "t.json", model=word_level(vocab), added_tokens=[added("<x>", 4)])
    with pytest.raises(ArtifactError, match="'<x>' the id 3 of 'cat', where the file says 4"):
        load_tokenizer(path)


def test_settings_are_of_the_tokenizer_json_of_their_folder(tmp_path: Path) -> None:
    write_folder(tmp_path, "added by config")
    other = write_tokenizer_json(tmp_path / "other.json", **WORDS)
    assert load_tokenizer(other).vocab_size == 4


@pytest.mark.parametrize("content", ["[]", "3", "{"])
def test_damaged_settings_are_refused(tmp_path: Path, content: str) -> None:
    write_folder(tmp_path, "end by config")
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"tokenizer_config\.json"):
        load_tokenizer(tmp_path)


def test_dropout_is_off(tmp_path: Path, cli: Callable[..., Ran]) -> None:
    model = {**BYTES, "model": byte_level_bpe(byte_level_vocab(*MORE), dropout=0.5)}
    path = write_tokenizer_json(tmp_path / "tokenizer.json", **model)
    runs = {cli("encode", "-t", path, stdin=b"the the the the the the\n").out for _ in range(5)}
    assert runs == {b"257 32 257 32 257 32 257 32 257 32 257\n"}
    tokenizer = load_tokenizer(path)
    assert tokenizer.lossless
    assert tokenizer.notes == ("its BPE dropout of 0.5 is off: ids would differ from run to run",)
    assert "note: " in cli("compare", path, "-c", path).err


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_is_dropped(tmp_path: Path, mark: bytes) -> None:
    path = write_tokenizer_json(tmp_path / "tokenizer.json", **BYTES)
    config = json.dumps({**PLAIN, "eos_token": "<|im_end|>"}).encode()
    path.write_bytes(mark + path.read_bytes())
    (tmp_path / "tokenizer_config.json").write_bytes(mark + config)
    assert load_tokenizer(tmp_path).special_ids["endoftext"] == 259


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokenizer_config.json", {"added_tokens_decoder": {"abc": {"content": "x"}}}, "'abc'"),
        ("tokenizer_config.json", {"added_tokens_decoder": ["x"]}, "not an object"),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"9": {"content": "x", "lstrip": "no"}}},
            "'lstrip' is 'no'",
        ),
        ("tokenizer_config.json", {"additional_special_tokens": 5}, "not iterable"),
        ("tokenizer_config.json", {"additional_special_tokens": "<|x|>"}, "not a list"),
        ("tokenizer_config.json", {"extra_special_tokens": [5]}, "is 5"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"-1": {"content": "x"}}}, "'-1' is no id"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"9": {"content": 5}}}, "'content' is 5"),
        ("tokenizer_config.json", {"eos_token": 5}, "is 5"),
        ("tokenizer_config.json", {"pad_token": ["<|x|>"]}, "not a text"),
        ("special_tokens_map.json", {"eos_token": 1.5}, "is 1.5"),
        ("added_tokens.json", {"<|user|>": 300.5}, "300.5 is no id"),
        ("added_tokens.json", {"<|user|>": -2}, "-2 is no id"),
        ("added_tokens.json", {"<|user|>": True}, "True is no id"),
        ("added_tokens.json", {"<|user|>": "last"}, "'last'"),
    ],
)
def test_settings_of_an_unknown_form_are_refused(tmp_path: Path, name: str, content: object, said: str) -> None:
    write_tokenizer_json(tmp_path / "tokenizer.json", **BYTES)
    write_json(tmp_path / name, content)
    with pytest.raises(ArtifactError, match="special tokens of an unknown form") as refused:
        load_tokenizer(tmp_path)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
def test_settings_of_bert_that_are_no_switch_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    write_json(tmp_path / "tokenizer_config.json", {name: "false"})
    with pytest.raises(ArtifactError, match=f"'{name}' is 'false', not true or false"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokenizer_config.json", {"tokenizer_class": 5}, "'tokenizer_class' is 5, not a text"),
        ("config.json", {"model_type": ["bert"]}, "'model_type' is"),
        ("config.json", {"tokenizer_class": {}}, "'tokenizer_class' is {}"),
        ("tokenizer_config.json", {"chat_template": 5}, "'chat_template' is neither"),
        ("tokenizer_config.json", {"chat_template": [{"template": "x"}]}, "'chat_template' is neither"),
        ("tokenizer_config.json", {"chat_template": [{"name": "default", "template": None}]}, "'chat_template' is"),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": "false"},
            "not true or false",
        ),
        ("tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "legacy": 0}, "'legacy' is 0"),
    ],
)
def test_settings_of_another_type_are_refused(tmp_path: Path, name: str, content: object, said: str) -> None:
    write_tokenizer_json(tmp_path / "tokenizer.json", **BYTES)
    write_json(tmp_path / name, content)
    with pytest.raises(ArtifactError, match=re.escape(said)):
        load_tokenizer(tmp_path)


def test_null_is_no_setting(tmp_path: Path) -> None:
    write_tokenizer_json(tmp_path / "tokenizer.json", **BYTES)
    names = ("tokenizer_class", "add_prefix_space", "chat_template", "eos_token", "additional_special_tokens")
    write_json(tmp_path / "tokenizer_config.json", dict.fromkeys(names))
    assert load_tokenizer(tmp_path).encode("the") == [257]
