"""Tokenizers that drop what they do not know: it is said and counted, as no id shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.foreign_files import BYTE_LEVEL, byte_level_bpe, byte_level_vocab, write_tokenizer_json
from tests.support.program import Ran
from tokit.arrays import Block
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_tokens import BYTE_TOKENS

Cli = Callable[..., Ran]
LETTERS = {sign: i for i, sign in enumerate("athe ", 1)} | {"th": 6, "the": 7, "<|x|>": 0}
SPECIAL = {
    "id": 0, "content": "<|x|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
    "special": True,
}  # fmt: skip
WITHOUT_T = {sign: i for sign, i in byte_level_vocab("the", first=1).items() if sign not in "txz"}


def bpe(vocab: dict[str, int], **settings: Any) -> dict[str, Any]:
    merges = [["t", "h"], ["th", "e"]] if "th" in vocab else []
    return {**byte_level_bpe(vocab, **settings), "merges": merges}


@pytest.mark.parametrize(
    ("parts", "text", "dropped"),
    [
        ({"model": bpe(LETTERS)}, "the cat, tXhe", 3),
        ({"model": bpe(LETTERS)}, "日本 the 👩‍👩‍👧", 7),
        ({"model": bpe(LETTERS, ignore_merges=True)}, "the thex", 1),
        # Outside its alphabet a special token's text is text, too.
        ({"model": bpe(LETTERS), "added_tokens": [SPECIAL]}, "a<|x|>", 5),
        ({"model": bpe(LETTERS), "normalizer": {"type": "Lowercase"}}, "THE CAT", 1),
        # Bytes of a byte-level vocabulary without some.
        ({"model": bpe(WITHOUT_T, ignore_merges=True), "pre_tokenizer": BYTE_LEVEL}, "the txt ¡", 3),
        # A byte fallback without its bytes.
        ({"model": bpe({**LETTERS, "<0xC3>": 8}, byte_fallback=True)}, "ä the b", 2),
        ({"model": bpe({"a": 0, "##b": 1, "c": 2}, continuing_subword_prefix="##")}, "abb acb", 1),
        ({"model": bpe({"a": 0, "b</w>": 1}, end_of_word_suffix="</w>")}, "ab b ac", 1),
    ],
)
def test_dropped_characters_are_counted(tmp_path: Path, parts: dict[str, Any], text: str, dropped: int) -> None:
    tokenizer = load_tokenizer(write_tokenizer_json(tmp_path / "tokenizer.json", **parts))
    assert tokenizer.count_dropped(["", text, text]) == 2 * dropped
    assert any("dropped" in note for note in tokenizer.notes) and not tokenizer.lossless


@pytest.mark.parametrize(
    "parts",
    [
        {"model": bpe(byte_level_vocab()), "pre_tokenizer": BYTE_LEVEL},
        {"model": bpe({token: i for i, token in enumerate(BYTE_TOKENS)}, byte_fallback=True)},
        {"model": bpe({**LETTERS, "?": 8}, unk_token="?")},
        {"model": {"type": "WordLevel", "vocab": {"?": 0, "the": 1}, "unk_token": "?"}},
        {"model": bpe(byte_level_vocab()), "normalizer": {"type": "ByteLevel"}, "decoder": BYTE_LEVEL},
    ],
)
def test_nothing_is_said_where_nothing_is_dropped(tmp_path: Path, parts: dict[str, Any]) -> None:
    tokenizer = load_tokenizer(write_tokenizer_json(tmp_path / "tokenizer.json", **parts))
    assert tokenizer.count_dropped(["the txt ¡ 日本\x00"]) == 0
    assert not any("dropped" in note for note in tokenizer.notes)


def test_kernels_drop_what_the_library_drops(tmp_path: Path) -> None:
    path = write_tokenizer_json(
        tmp_path / "tokenizer.json", model=bpe(WITHOUT_T, ignore_merges=True), pre_tokenizer=BYTE_LEVEL
    )
    tokenizer, texts = load_tokenizer(path), ["the txt", "zzz", "a z", "日本"]
    assert tokenizer.encode_block(Block.of(text.encode() for text in texts)).lists() == tokenizer.library_ids(texts)


def test_commands_say_it(cli: Cli, tmp_path: Path) -> None:
    path = write_tokenizer_json(tmp_path / "tokenizer.json", model=bpe(LETTERS))
    corpus = tmp_path / "text"
    corpus.write_text("the the\nxyz the\n")
    ran = cli("compare", path, "-c", corpus)
    assert "50.0%" in ran.text and "note:" in ran.err and "dropped" in ran.err
    assert "50.0% of its tokens are unknown" in ran.err
    assert "dropped" in cli("encode", corpus, "-t", path).err
    shown = cli("inspect", path)
    assert "dropped" in shown.text + shown.err
