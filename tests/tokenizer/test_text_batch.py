"""Many texts of a Python program: arrays from the kernels, and streams of ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tests.support.texts import HOSTILE_TEXTS
from tests.support.tokenizer_files import SPM_MODELS, sentencepiece_model
from tokit.errors import UsageError
from tokit.tokenizer.base import EncodeOptions, Tokenizer
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


@pytest.mark.parametrize("options", [EncodeOptions(), EncodeOptions(add_special=True, parse_special=True)])
def test_offsets_are_those_of_the_library(trained: Tokenizer, options: EncodeOptions) -> None:
    texts = [*HOSTILE_TEXTS, "a<|endoftext|>é", "ﬁ e\u032d\u0301"]
    batch = trained.encode_batch(texts, options, offsets=True)
    library = tokenizers.Tokenizer.from_str(trained.library.to_str())
    library.encode_special_tokens = not options.parse_special
    assert batch.offsets is not None
    assert batch.byte_offsets is not None
    for number, text in enumerate(texts):
        expected = library.encode(text, add_special_tokens=options.add_special)
        start, end = int(batch.ends[number - 1]) if number else 0, int(batch.ends[number])
        assert batch[number].tolist() == expected.ids
        assert batch.offsets[start:end].tolist() == [list(place) for place in expected.offsets]
        for (first, last), (byte, last_byte) in zip(
            batch.offsets[start:end].tolist(), batch.byte_offsets[start:end].tolist(), strict=True
        ):
            assert text.encode()[byte:last_byte].decode() == text[first:last]


def test_padding_and_truncation_are_transformers(bpe_folder: Path) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    reference = AutoTokenizer.from_pretrained(bpe_folder)
    options = EncodeOptions(add_special=True, parse_special=True)
    for padding, named in (("longest", True), (9, "max_length")):
        batch = tokenizer.encode_batch(HOSTILE_TEXTS, options, truncation=9, padding=padding)
        expected = reference(
            list(HOSTILE_TEXTS), truncation=True, max_length=9, padding=named, return_tensors="np", padding_side="right"
        )
        assert np.array_equal(batch.input_ids, expected["input_ids"])
        assert np.array_equal(batch.attention_mask, expected["attention_mask"])


def test_padding_that_cannot_be(bpe_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    with pytest.raises(UsageError, match="padded to 1"):
        tokenizer.encode_batch(["the cat sat"], padding=1)
    with pytest.raises(UsageError, match="unknown padding 'long'"):
        tokenizer.encode_batch(["the cat sat"], padding="long")
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, "[UNK]"))
    library.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UsageError, match="needs a pad token"):
        load_tokenizer(tmp_path).encode_batch(["a"], padding="longest")


def test_pairs_are_those_of_the_library(trained_folder: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(trained_folder("wordpiece"))
    first, second = [*HOSTILE_TEXTS], [*reversed(HOSTILE_TEXTS)]
    batch = tokenizer.encode_batch(first, EncodeOptions(add_special=True), pairs=second, truncation=12)
    library = tokenizers.Tokenizer.from_file(str(trained_folder("wordpiece") / "tokenizer.json"))
    library.encode_special_tokens = True
    library.enable_truncation(12)
    expected = library.encode_batch(list(zip(first, second, strict=True)))
    assert batch == [found.ids for found in expected]
    assert batch.type_ids is not None
    assert batch.offsets is not None
    assert batch.type_ids.tolist() == [number for found in expected for number in found.type_ids]
    assert batch.offsets.tolist() == [list(place) for found in expected for place in found.offsets]
    with pytest.raises(UsageError, match="2 texts and 1 second texts"):
        tokenizer.encode_batch(["a", "b"], pairs=["c"])


@pytest.mark.parametrize("name", ["bpe", "unigram"])
@pytest.mark.parametrize(
    "options", [EncodeOptions(), EncodeOptions(add_special=True, parse_special=True, max_length=9)]
)
def test_offsets_of_sentencepiece(tmp_path: Path, name: str, options: EncodeOptions) -> None:
    (tmp_path / "m.model").write_bytes(sentencepiece_model(**SPM_MODELS[name]))
    tokenizer = load_tokenizer(tmp_path / "m.model")
    texts = [*HOSTILE_TEXTS, "a</s>b <s>"]
    batch = tokenizer.encode_batch(texts, options, offsets=True)
    assert batch == tokenizer.library_ids(texts, options)
    assert batch.offsets is not None
    assert len(batch.offsets) == len(batch.data)
    assert tokenizer.offsets_batch(["the cat"])[0][-1][1] == len("the cat")
    with pytest.raises(UsageError, match="no template for pairs"):
        tokenizer.encode_batch(["a"], pairs=["b"])
