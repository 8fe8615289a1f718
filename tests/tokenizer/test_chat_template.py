"""Chat templates: those of tokit, those of users, and the tokenizers that get them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Ran, assert_error
from tokit.ops.inspect import inspect_artifact
from tokit.storage.folder import read_manifest
from tokit.storage.manifests import TokenizerManifest
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.chat.template_files import read_chat_templates
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
PARSED = EncodeOptions(parse_special=True)
MARKED = (
    "{% for m in messages %}<|turn|>{{ m.role }}: {% generation %}{{ m.content }}<|end|>{% endgeneration %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("name", "end", "bos", "others"),
    [
        ("chatml", "<|im_end|>", "<|endoftext|>", ["<|im_start|>"]),
        ("llama3", "<|eot_id|>", "<|begin_of_text|>", ["<|start_header_id|>", "<|end_header_id|>"]),
    ],
)
def test_tokens_come_after_the_largest_id(
    cli: Cli, bpe_folder: Path, tmp_path: Path, name: str, end: str, bos: str, others: list[str]
) -> None:
    before = load_tokenizer(bpe_folder)
    ran = cli("chat-template", bpe_folder, name, "-o", tmp_path / "chat")
    assert ran.code == 0, ran.err
    chat = load_tokenizer(tmp_path / "chat")
    new = {text for text in (end, bos, *others) if text not in before.pieces.names}
    assert {chat.pieces.names.index(text) for text in new} == set(
        range(before.vocab_size, before.vocab_size + len(new))
    )
    assert chat.pieces.names[: before.vocab_size] == before.pieces.names
    assert chat.pieces.names[chat.special_ids["endoftext"]] == end
    assert chat.encode(f"{end} {others[0]}") == before.encode(f"{end} {others[0]}")
    assert chat.encode(end, PARSED) == [chat.special_ids["endoftext"]]
    config = json.loads((tmp_path / "chat" / "tokenizer_config.json").read_bytes())
    assert (config["eos_token"], config["bos_token"]) == (end, bos)
    assert set(config["additional_special_tokens"]) >= set(others)
    assert read_manifest(tmp_path / "chat", TokenizerManifest).chat_template == name
    assert inspect_artifact(tmp_path / "chat", check=True).faults == ()


@pytest.mark.parametrize("name", ["chatml", "llama3"])
def test_training_with_a_template_keeps_the_size(cli: Cli, english_file: Path, tmp_path: Path, name: str) -> None:
    ran = cli("train", "bpe", english_file, "-v", 400, "--chat-template", name, "-o", tmp_path / "chat")
    assert ran.code == 0, ran.err
    chat = load_tokenizer(tmp_path / "chat")
    assert chat.vocab_size == 400
    assert chat.chat_templates["default"].startswith("{#")
    ends = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>"}
    assert chat.pieces.names[chat.special_ids["endoftext"]] == ends[name]


def test_every_family_can_have_a_template(cli: Cli, trained_folder: Callable[[str], Path], tmp_path: Path) -> None:
    for family in ("word", "char", "byte", "wordpiece", "unigram", "spm"):
        ran = cli("chat-template", trained_folder(family), "chatml", "-o", tmp_path / family)
        assert ran.code == 0, ran.err
        before, chat = load_tokenizer(trained_folder(family)), load_tokenizer(tmp_path / family)
        assert chat.encode("<|im_start|>user") == before.encode("<|im_start|>user"), family
        assert chat.encode("<|im_start|>", PARSED) == [chat.special_ids["im_start"]], family


def test_foreign_tokenizer_with_a_gap_in_its_ids(cli: Cli, tmp_path: Path) -> None:
    vocabulary = {"[UNK]": 0, "the": 1, "cat": 5}
    (tmp_path / "words.json").write_text(json.dumps(_word_level(vocabulary)))
    ran = cli("chat-template", tmp_path / "words.json", "chatml", "-o", tmp_path / "chat")
    assert ran.code == 0, ran.err
    chat = load_tokenizer(tmp_path / "chat")
    names = chat.pieces.names
    assert [names.index(text) for text in vocabulary] == list(vocabulary.values())
    assert [names.index(text) for text in ("<|im_end|>", "<|im_start|>")] == [6, 7]
    assert chat.special_ids["endoftext"] == 6


def _word_level(vocabulary: dict[str, int]) -> dict[str, Any]:
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    return {"version": "1.0", **empty, "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": model}


def test_template_of_a_foreign_folder_is_read_and_kept(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    shutil.copy(bpe_folder / "tokenizer.json", foreign)
    named = [{"name": "default", "template": "a{{ eos_token }}"}, {"name": "tool_use", "template": "b"}]
    (foreign / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|endoftext|>", "chat_template": named}))
    tokenizer = load_tokenizer(foreign)
    assert tokenizer.chat_templates == {"default": "a{{ eos_token }}", "tool_use": "b"}
    copy = tmp_path / "copy"
    copy.mkdir()
    tokenizer.save_files(copy)
    assert read_chat_templates(copy) == tokenizer.chat_templates
    assert "chat_template" not in json.loads((copy / "tokenizer_config.json").read_bytes())
    # The file goes before the entry of the config, as in transformers.
    (foreign / "chat_template.jinja").write_text("of the file")
    assert load_tokenizer(foreign).chat_templates == {"default": "of the file"}


def test_shards_keep_the_template(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    assert cli("chat-template", bpe_folder, "llama3", "-o", tmp_path / "chat").code == 0
    assert cli("encode", "-t", tmp_path / "chat", "-o", tmp_path / "shards", stdin=b"a\nb\n").code == 0
    assert load_tokenizer(tmp_path / "shards").chat_templates == load_tokenizer(tmp_path / "chat").chat_templates


def test_file_with_its_tokens(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "mine.jinja").write_text(MARKED)
    ran = cli(
        "chat-template", bpe_folder, tmp_path / "mine.jinja", "--special-token", "turn=<|turn|>",
        "--special-token", "endoftext=<|end|>", "-o", tmp_path / "chat",
    )  # fmt: skip
    assert (ran.code, "warning" in ran.err) == (0, False), ran.err
    chat = load_tokenizer(tmp_path / "chat")
    assert chat.chat_templates["default"] == MARKED
    assert chat.pieces.names[chat.special_ids["endoftext"]] == "<|end|>"
    assert chat.pieces.names[chat.special_ids["bos"]] == "<|endoftext|>"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% for m in messages %}{{ m.content }}", "line 1: Unexpected end of template"),
        ("a\n{{ 'x' }", "line 2: "),
        ("{% for m in messages %}<|turn|>{{ m.content }}{% endfor %}", "writes <|turn|>"),
        # Put together from parts.
        ("{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}", "writes <|assistant|>, <|user|>"),
        ("{{ raise_exception('never') }}", "refuses a user's and an assistant's message: never"),
        ("{{ messages[0].content.foo.bar }}", "refuses a user's"),
        ("  \n", "the file is empty"),
    ],
)
def test_templates_that_are_refused(cli: Cli, bpe_folder: Path, tmp_path: Path, source: str, message: str) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "mine.jinja").write_text(source)
    for command in (("chat-template", bpe_folder, tmp_path / "mine.jinja"), ("train", "bpe", "@parallel/en",
                    "--chat-template", tmp_path / "mine.jinja")):  # fmt: skip
        ran = cli(*command, "-o", tmp_path / "chat")
        assert_error(ran, 2, message)
        assert not (tmp_path / "chat").exists()


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}", "{% generation %}"),
        (
            "{% for m in messages %}[INST]{{ m.content }}</s>{% endfor %}",
            "ordinary text to this tokenizer: </s>, [INST]",
        ),
        ("{{ unk_token }}{{ messages[0].content }}", "uses unk_token, which the tokenizer lacks"),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "does not end with <|endoftext|>"),
    ],
)
def test_templates_that_need_a_word(cli: Cli, bpe_folder: Path, tmp_path: Path, source: str, note: str) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "mine.jinja").write_text(source)
    ran = cli("chat-template", bpe_folder, tmp_path / "mine.jinja", "-o", tmp_path / "chat")
    assert ran.code == 0, ran.err
    assert note in ran.err


def test_names_and_settings_that_are_refused(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    ran = cli("chat-template", bpe_folder, "chatmm", "-o", tmp_path / "chat")
    assert_error(ran, 2, "no such template or file")
    assert "did you mean 'chatml'?" in ran.err
    ran = cli("chat-template", bpe_folder, "chatml", "--special-token", "endoftext=</s>", "-o", tmp_path / "chat")
    assert_error(ran, 2, "has '<|im_end|>' as endoftext")
    assert cli("chat-template", bpe_folder, tmp_path, "-o", tmp_path / "chat").code == 2
    assert not (tmp_path / "chat").exists()


def test_token_that_text_can_spell_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text(json.dumps(_word_level({"[UNK]": 0, "<|im_end|>": 1})))
    ran = cli("chat-template", tmp_path / "words.json", "chatml", "-o", tmp_path / "chat")
    assert ran.code == 0, ran.err
    tokenizer = load_tokenizer(tmp_path / "chat")
    spelled = tokenizer.special_ids["endoftext"] in tokenizer.encode("<|im_end|>")
    assert ("ordinary text can spell <|im_end|>" in ran.err) == spelled
