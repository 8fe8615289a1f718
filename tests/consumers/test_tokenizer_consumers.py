"""A tokenizer folder in transformers: the same ids, the same text, the same special tokens."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.texts import HOSTILE_TEXTS
from tests.support.variants import VARIANTS
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer

pytestmark = pytest.mark.slow

pytest.importorskip("transformers")


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


def auto_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="session")
def auto(variant_folder: Path) -> Any:
    return auto_tokenizer(variant_folder)


@pytest.fixture(scope="session")
def mixed_lines(lines: list[str]) -> list[str]:
    """Lines of many languages, some with the text of a special token inserted."""
    draw = random.Random(0)
    specials = [
        "<|endoftext|>",
        "<|pad|>",
        "<|cls|>",
        "<|sep|>",
        "<|mask|>",
        "<|unk|>",
        "<unk>",
        "<0x41>",
        "▁",
        "[UNK]",
    ]
    inserted = []
    for line in draw.sample(lines, 200):
        at = draw.randint(0, len(line))
        inserted.append(line[:at] + draw.choice(specials) + line[at:])
    return [*lines, *inserted, *HOSTILE_TEXTS]


def test_ids_are_those_of_tokit(auto: Any, trained: Tokenizer, mixed_lines: list[str]) -> None:
    ours = trained.encode_batch(mixed_lines).lists()
    theirs = auto(mixed_lines, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert theirs == ours


def test_template_is_that_of_tokit(auto: Any, trained: Tokenizer, mixed_lines: list[str]) -> None:
    ours = trained.encode_batch(mixed_lines, EncodeOptions(add_special=True)).lists()
    assert auto(mixed_lines, split_special_tokens=True)["input_ids"] == ours


def test_parsed_special_tokens_are_those_of_tokit(auto: Any, trained: Tokenizer, mixed_lines: list[str]) -> None:
    ours = trained.encode_batch(mixed_lines, EncodeOptions(parse_special=True)).lists()
    assert auto(mixed_lines, add_special_tokens=False)["input_ids"] == ours
    framed = trained.encode_batch(mixed_lines, EncodeOptions(parse_special=True, add_special=True)).lists()
    assert auto(mixed_lines)["input_ids"] == framed


def test_decoded_text_is_that_of_tokit(auto: Any, trained: Tokenizer, mixed_lines: list[str]) -> None:
    ids = trained.encode_batch(mixed_lines).lists()
    assert auto.batch_decode(ids) == trained.decode_batch(ids)
    if trained.lossless:
        assert auto.batch_decode(ids) == mixed_lines


def test_special_tokens_have_transformers_names(auto: Any, trained: Tokenizer) -> None:
    names = {"endoftext": ["eos", "bos"], "pad": ["pad"], "cls": ["cls"], "sep": ["sep"], "mask": ["mask"]}
    for role, attributes in names.items():
        for attribute in attributes:
            assert getattr(auto, f"{attribute}_token") == f"<|{role}|>"
            assert getattr(auto, f"{attribute}_token_id") == trained.special_ids[role]
    assert auto.unk_token_id == trained.unknown_id
    assert set(auto.all_special_ids) == set(trained.special_ids.values())


def test_settings(auto: Any, trained: Tokenizer) -> None:
    assert auto.clean_up_tokenization_spaces is False
    assert auto.split_special_tokens is False
    assert len(auto) == trained.vocab_size
    assert auto.model_max_length > 10**12
    assert auto.model_input_names == ["input_ids", "attention_mask"]


def test_padding_is_usable(auto: Any, trained: Tokenizer) -> None:
    batch = auto(["one two three", "one"], padding=True, add_special_tokens=False)
    assert len(batch["input_ids"][0]) == len(batch["input_ids"][1])
    assert batch["input_ids"][1][-1] == trained.special_ids["pad"]
    assert batch["attention_mask"][1][-1] == 0


def test_custom_roles(train: Callable[..., Tokenizer], tmp_path: Path) -> None:
    tokenizer = train(["a b"], size=270, family="bpe", special_tokens=["pad=[PAD]", "user=<|user|>"], template="eos")
    tokenizer.save_files(tmp_path)
    auto = auto_tokenizer(tmp_path)
    assert auto.pad_token == "[PAD]"
    assert "<|user|>" in auto.all_special_tokens
    assert auto.convert_tokens_to_ids("<|user|>") == tokenizer.special_ids["user"] == 5
    assert auto("a<|user|>")["input_ids"] == [*tokenizer.encode("a"), 5, 0]
    assert auto("a<|user|>", split_special_tokens=True)["input_ids"] == [*tokenizer.encode("a<|user|>"), 0]


def test_folder_saved_by_transformers_opens_again(bpe_folder: Path, tmp_path: Path, mixed_lines: list[str]) -> None:
    auto_tokenizer(bpe_folder).save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.encode_batch(mixed_lines) == load_tokenizer(bpe_folder).encode_batch(mixed_lines)
    assert again.special_ids == load_tokenizer(bpe_folder).special_ids


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_loading_prints_no_warning(
    trained_folder: Callable[[str], Path], variant: str, capfd: pytest.CaptureFixture[str]
) -> None:
    tokenizer = auto_tokenizer(trained_folder(variant))
    tokenizer.decode(tokenizer("hello <|pad|>")["input_ids"])
    assert "".join(capfd.readouterr()) == ""


def test_large_vocabulary_prints_no_warning(
    bpe_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 100,000 tokens transformers suspects a Mistral model with a wrong pattern, unless a setting rules it out."""
    import logging

    spec = json.loads((bpe_folder / "tokenizer.json").read_bytes())
    spec["model"]["vocab"].update({f"filler{i}": 600 + i for i in range(100_500)})
    (tmp_path / "large.json").write_text(json.dumps(spec))
    target = tmp_path / "tok"
    target.mkdir()
    load_tokenizer(tmp_path / "large.json").save_files(target)
    logged: list[str] = []
    monkeypatch.setattr(logging.Logger, "warning", lambda _self, message, *_args, **_named: logged.append(str(message)))
    auto = auto_tokenizer(target)
    assert len(auto) > 100_000
    assert logged == []
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("family", ["bpe", "unigram", "wordpiece", "word", "char", "spm"])
def test_text_of_a_special_token_that_is_an_ordinary_piece_stays_text(
    cli: Callable[..., Any], english_file: Path, tmp_path: Path, family: str
) -> None:
    (tmp_path / "t.jinja").write_text("{% for m in messages %}the{{ m['content'] }}{% endfor %}")
    plain, chat = tmp_path / "plain", tmp_path / "chat"
    assert cli("train", family, english_file, "-v", 500, "--special-token", "user=and", "-o", plain).code == 0
    named = ("--special-token", "turn=the")
    assert cli("chat-template", plain, tmp_path / "t.jinja", *named, "-o", chat).code == 0
    for folder, text in ((plain, "and the sand andand"), (chat, "the other the thethe")):
        ours, theirs = load_tokenizer(folder), auto_tokenizer(folder)
        parsed = ours.encode(text, EncodeOptions(parse_special=True))
        assert theirs(text, add_special_tokens=False)["input_ids"] == parsed
        split = theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert split == ours.encode(text) != parsed
