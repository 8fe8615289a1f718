"""Many texts of a Python program: arrays from the kernels, and streams of ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.texts import HOSTILE_TEXTS
from tokit.errors import UsageError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.encode import text_batch
from tokit.tokenizer.load import load_tokenizer


def test_batch_is_that_of_the_library(trained: Tokenizer) -> None:
    found = trained.encode_batch(HOSTILE_TEXTS)
    assert (found.data.dtype, found.ends.dtype) == (np.uint32, np.int64)
    assert found == trained.library_ids(HOSTILE_TEXTS)
    assert [ids.tolist() for ids in found] == found.lists()
    assert found[-1].tolist() == found.lists()[-1]


def test_batch_of_many_blocks(trained: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_batch, "BLOCK_BYTES", 100)
    texts = [*HOSTILE_TEXTS, "", "a" * 1000, "", *HOSTILE_TEXTS]
    assert trained.encode_batch(texts) == trained.library_ids(texts)


def test_nothing(bpe_folder: Path) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    assert tokenizer.encode_batch([]).lists() == []
    assert tokenizer.encode_batch(["", ""]).lists() == [[], []]
    with pytest.raises(IndexError):
        tokenizer.encode_batch([""])[1]


def test_lone_surrogate_is_named(bpe_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"text 1: U\+DC80 at character 2"):
        load_tokenizer(bpe_folder).encode_batch(["fine", "no\udc80"])


def test_string_is_no_list(bpe_folder: Path) -> None:
    with pytest.raises(UsageError, match="a string in place of a list"):
        load_tokenizer(bpe_folder).encode_batch("the cat")


@pytest.mark.parametrize("skip_special", [False, True])
def test_stream_gives_what_decoding_at_once_gives(trained: Tokenizer, skip_special: bool) -> None:
    for text in HOSTILE_TEXTS:
        ids = trained.encode(text)
        stream = trained.decode_stream(skip_special=skip_special)
        parts = [stream.push(i) for i in ids]
        assert "".join(parts) + stream.finish() == trained.decode(ids, skip_special=skip_special)


@pytest.mark.parametrize("variant", ["bpe", "char", "wordpiece", "unigram"])
@given(data=st.data())
def test_stream_of_any_ids(trained_folder: Callable[[str], Path], variant: str, data: st.DataObject) -> None:
    tokenizer = load_tokenizer(trained_folder(variant))
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=12))
    stream = tokenizer.decode_stream()
    parts = [stream.push(i) for i in ids]
    assert "".join(parts) + stream.finish() == tokenizer.decode(ids)


def test_stream_never_breaks_a_character(trained_folder: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(trained_folder("byte"))
    stream = tokenizer.decode_stream()
    assert [stream.push(i) for i in tokenizer.encode("é👩")] == ["", "é", "", "", "", "👩"]
