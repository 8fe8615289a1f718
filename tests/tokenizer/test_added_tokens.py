"""New tokens get ids after the largest, whatever form the vocabulary has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken
from tokenizers import Tokenizer as Library

from tests.support.foreign_files import (
    BYTE_LEVEL,
    added,
    byte_level_bpe,
    byte_level_vocab,
    with_a_gap,
    word_level,
    write_tokenizer_json,
)
from tests.support.program import Ran
from tests.support.texts import HOSTILE_TEXTS
from tests.support.tokenizer_files import NATURAL
from tokit.arrays import Block
from tokit.errors import ArtifactError
from tokit.runtime.engine import VARIABLE
from tokit.tokenizer.added_tokens import add_tokens
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_copies import with_special_tokens, with_template

WORDS = {"<UNK>": 1, "the": 2, "cat": 3, "sat": 4}
BYTE_PIECES = byte_level_vocab("th", "the")
BYTE_PARTS: dict[str, Any] = {"pre_tokenizer": BYTE_LEVEL, "decoder": BYTE_LEVEL}
UNIGRAM = [["<unk>", 0.0], ["▁the", -1.0], ["▁cat", -2.0], ["▁the", -3.0], ["▁", -4.0]]
# Name → parts of a tokenizer.json whose ids have gaps, start late or come twice.
FORMS: dict[str, dict[str, Any]] = {
    "from 1": {"model": word_level(WORDS)},
    "from 7": {"model": word_level({word: i + 6 for word, i in WORDS.items()})},
    "gap in words": {"model": word_level(with_a_gap(WORDS, 3, 5))},
    "no gap": {"model": word_level({word: i - 1 for word, i in WORDS.items()})},
    "unknown added": {"model": word_level(WORDS), "added_tokens": [added("<UNK>", 1)]},
    "gap in pieces": {"model": byte_level_bpe(with_a_gap(BYTE_PIECES, 100, 3)), **BYTE_PARTS},
    "pieces from 1": {"model": byte_level_bpe(byte_level_vocab("th", "the", first=1)), **BYTE_PARTS},
    "pieces whole": {"model": byte_level_bpe(byte_level_vocab("th", "the", first=2), ignore_merges=True), **BYTE_PARTS},
    "wordpiece": {
        "model": {
            "type": "WordPiece", "vocab": {"[UNK]": 2, "the": 5, "cat": 6, "##s": 9}, "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        }
    },
    "unigram twice": {
        "model": {"type": "Unigram", "vocab": UNIGRAM, "unk_id": 0, "byte_fallback": False},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    },
}  # fmt: skip
LINES = ["the cat sat", "", "cats the <|gap 0|> the", "<|endoftext|> the", "a\u0301 北京 🙂", "the cat"]


@pytest.fixture(params=[*FORMS, "vocab.txt"])
def foreign_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "vocab.txt":
        path = tmp_path / "vocab.txt"
        path.write_text("[PAD]\n[UNK]\nthe\ncat\nthe\ndog\n", encoding="utf-8")
        return path
    return write_tokenizer_json(tmp_path / "f.json", **FORMS[request.param])


def test_shards_decode_like_a_pipe(foreign_file: Path, tmp_path: Path, cli: Callable[..., Ran]) -> None:
    text = "".join(f"{line}\n" for line in LINES if line).encode()
    lines = cli("encode", "-t", foreign_file, stdin=text)
    assert lines.code == 0
    ran = cli("encode", "-t", foreign_file, "-o", tmp_path / "shards", "--quiet", "--keep-empty", stdin=text)
    assert ran.code == 0, ran.err
    assert "the shards keep a copy" in ran.err
    assert cli("decode", tmp_path / "shards").out == cli("decode", "-t", foreign_file, stdin=lines.out).out
    assert b"<|endoftext|>" not in cli("decode", tmp_path / "shards", "--skip-special").out.replace(
        b"<|endoftext|> the", b""
    )


@pytest.mark.parametrize("engine", ["kernels", "reference"])
def test_copy_reads_text_as_before(
    foreign_file: Path, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, engine)
    original = load_tokenizer(foreign_file)
    copy = with_special_tokens(original, {"pad": "<|pad|>", "user": "<|user|>"})
    largest = max(original.library.get_vocab().values())  # type: ignore[attr-defined]
    assert (copy.special_ids["pad"], copy.special_ids["user"]) == (largest + 1, largest + 2)
    texts = [*LINES, *NATURAL[:200], *(text for text in HOSTILE_TEXTS if "<|" not in text)]
    block = Block.of(text.encode() for text in texts)
    ids = original.encode_batch(texts)
    assert original.encode_block(block).lists() == copy.encode_block(block).lists() == ids
    assert copy.decode_batch(ids) == original.decode_batch(ids)


def test_template_takes_new_ids_too(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_tokenizer_json(tmp_path / "f.json", **FORMS["from 1"]))
    framed, texts = with_template(tokenizer, ("cls", "sep"), "bert")
    assert texts == ("<|cls|>", "<|sep|>")
    assert framed.frame == ([5], [6])


def test_text_like_a_gap_is_another_token(tmp_path: Path) -> None:
    vocab = {"<|gap 0|>": 2, "the": 3}
    library = Library.from_file(str(write_tokenizer_json(tmp_path / "f.json", model=word_level(vocab, "the"))))
    copy = add_tokens(library, [AddedToken("<new>", special=True)])
    assert copy.token_to_id("<|gap 0|>") == 2
    assert copy.token_to_id("<new>") == 4
    assert len(copy.get_vocab()) == 5


def test_ids_that_are_no_table_are_refused(tmp_path: Path) -> None:
    vocab = {"<UNK>": 0, "the": 50_000_000}
    library = Library.from_file(str(write_tokenizer_json(tmp_path / "f.json", model=word_level(vocab))))
    with pytest.raises(ArtifactError, match="ids up to 50,000,000"):
        add_tokens(library, [AddedToken("<new>", special=True)])
