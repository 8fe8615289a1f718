"""The tokenizer of an embedding folder: the same ids for every text, with nothing that a reader must know to set."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Library

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tokit.embedding.plain_tokenizer import FitTokenizer, fit_tokenizer
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer


@pytest.fixture(scope="module")
def source(trained: Tokenizer) -> FitTokenizer:
    return fit_tokenizer(trained)


def raw_ids(source: FitTokenizer, text: str) -> list[int]:
    """As a library reads the file: no setting of ours."""
    ids: list[int] = raw_tokenizer(source.plain.library.to_str()).encode(text).ids
    return ids


@cache
def raw_tokenizer(specification: str) -> Library:
    return Library.from_str(specification)


def test_every_reader_gives_the_ids_of_encode(source: FitTokenizer, lines: list[str]) -> None:
    for text in [*lines, *HOSTILE_TEXTS, "the water " * 300]:
        expected = source.original.encode(text)
        assert raw_ids(source, text) == source.plain.encode(text) == expected, text


@given(text=TEXTS)
def test_every_reader_gives_the_ids_of_encode_for_any_text(source: FitTokenizer, text: str) -> None:
    assert raw_ids(source, text) == source.original.encode(text)


def test_every_row_has_a_name(source: FitTokenizer) -> None:
    assert sorted(source.plain.library.get_vocab().values()) == list(range(source.original.vocab_size))
    assert source.pieces.special.tolist() == source.original.pieces.special.tolist()
    assert source.pieces.special.any()
    assert source.pieces.unknown_id == source.original.unknown_id


LETTERS = {letter: i for i, letter in enumerate("helo <>t")}
SPECIALS = {8: "<bos>", 10: "[PAD]", 12: "hello"}
MODELS = {
    "bpe": models.BPE(vocab=LETTERS, merges=[]),
    # Words of the vocabulary are taken whole, as tiktoken does.
    "bpe-whole": models.BPE(vocab=LETTERS, merges=[], ignore_merges=True),
    "unigram": models.Unigram([(letter, -1.0 - i) for letter, i in LETTERS.items()], 0, byte_fallback=False),
    "wordlevel": models.WordLevel(LETTERS, unk_token="h"),
    "wordpiece": models.WordPiece({**LETTERS, "##e": 8}, unk_token="h"),
}


def foreign(model: models.Model, folder: Path) -> LibraryTokenizer:
    """A tokenizer.json with all that an embedding must be rid of: tokens from outside, template, limits."""
    library = Library(model)
    for i in range(library.get_vocab_size(), 13):
        text = SPECIALS.get(i, f"<tool{i}>")
        library.add_tokens([AddedToken(text, special=i in SPECIALS, normalized=False)])
    library.post_processor = processors.TemplateProcessing(single="hello $A", special_tokens=[("hello", 12)])
    library.enable_truncation(3)
    library.enable_padding(length=8, pad_id=10, pad_token="[PAD]")
    library.save(str(folder / "tokenizer.json"))
    tokenizer = load_tokenizer(folder)
    assert isinstance(tokenizer, LibraryTokenizer)
    return tokenizer


@pytest.mark.parametrize("kind", list(MODELS))
@pytest.mark.parametrize("text", ["hello <tool11> <bos>[PAD]", "hello  tell hell", "<tool11>lo", "", "hello ", "hello"])
def test_a_foreign_file_loses_its_special_tokens_and_no_other(tmp_path: Path, kind: str, text: str) -> None:
    original = foreign(MODELS[kind], tmp_path)
    source = fit_tokenizer(original)
    ids = raw_ids(source, text)
    assert ids == original.encode(text)
    assert not {10, 12} & set(ids)
    assert (11 in ids) == ("<tool11>" in text)
    assert sorted(source.plain.library.get_vocab().values()) == list(range(13))
    assert source.pieces.special.nonzero()[0].tolist() == [i for i in SPECIALS if kind != "wordpiece" or i > 8]


def test_ids_without_a_token_get_a_name(tmp_path: Path) -> None:
    library = Library(models.BPE(vocab={"a": 0, "b": 5}, merges=[]))
    library.save(str(tmp_path / "tokenizer.json"))
    source = fit_tokenizer(load_tokenizer(tmp_path))
    assert sorted(source.plain.library.get_vocab().values()) == list(range(6))
    assert raw_ids(source, "abba") == [0, 5, 5, 0]


def test_of_two_pieces_with_one_name_the_later_keeps_it(tmp_path: Path) -> None:
    library = Library(models.Unigram([("?", 0.0), ("ab", -1.0), ("a", -2.0), ("ab", -3.0)], 0, byte_fallback=False))
    library.save(str(tmp_path / "tokenizer.json"))
    original = load_tokenizer(tmp_path)
    source = fit_tokenizer(original)
    assert raw_ids(source, "aba") == original.encode("aba") == [3, 2]
    assert sorted(source.plain.library.get_vocab().values()) == list(range(4))


def test_parts_that_do_not_change_ids_stay(tmp_path: Path) -> None:
    library = Library(models.BPE(vocab={"Ġ": 0, "a": 1, "b": 2, "ab": 3}, merges=[("a", "b")]))
    library.normalizer = normalizers.Lowercase()
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(" ?[a-z]+"), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    library.decoder = decoders.ByteLevel()
    library.save(str(tmp_path / "tokenizer.json"))
    before = json.loads(library.to_str())
    after = fit_tokenizer(load_tokenizer(tmp_path)).plain.specification()
    assert after == before
