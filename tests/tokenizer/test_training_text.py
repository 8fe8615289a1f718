"""A shards folder trains what its text trains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.program import folder_bytes
from tokit.arrays import Ids
from tokit.corpus import open_corpus
from tokit.errors import ArtifactError, UsageError
from tokit.ids.parts_writer import Split
from tokit.ops.encode_shards import encode_shards
from tokit.ops.fit import fit_embedding
from tokit.progress import silent
from tokit.tokenizer.base import PLAIN, EncodeOptions
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_copies import with_template
from tokit.tokenizer.training_text import (
    HoldOut,
    ShardsText,
    documents_within,
    framed_ids,
    open_training_text,
    read_training_text,
)

DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6)
TOKENS = st.lists(st.integers(0, 9), max_size=2)


@given(documents=DOCUMENTS, before=TOKENS, after=TOKENS)
def test_a_template_stands_around_each_document(
    documents: list[list[int]], before: list[int], after: list[int]
) -> None:
    framed = framed_ids(Ids.of(documents), before, after)
    assert framed.lists() == [[*before, *document, *after] for document in documents]


def test_one_document_is_always_held_out() -> None:
    assert documents_within(np.array([5, 3]), 2).tolist() == [5]
    assert documents_within(np.array([1, 3, 2]), 4).tolist() == [1, 3]


@pytest.mark.parametrize("to", ["bin", "npy", "parquet"])
def test_shards_train_what_their_text_trains(to: str, corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    corpus = open_corpus([str(corpus_file)])
    encode_shards(corpus, load_tokenizer(bpe_folder), tmp_path / "shards", to=to)
    fit_embedding(corpus, bpe_folder, tmp_path / "text", dim=4, threads=1, settings={"epochs": 1})
    text = open_training_text([str(tmp_path / "shards")])
    report = fit_embedding(text, None, tmp_path / "ids", dim=4, threads=1, settings={"epochs": 1})
    assert report.tokens > 1000
    assert folder_bytes(tmp_path / "ids") == folder_bytes(tmp_path / "text")


@pytest.mark.parametrize("options", [PLAIN, EncodeOptions(add_special=True)])
def test_documents_are_held_out_as_from_text(
    options: EncodeOptions, corpus_file: Path, bpe_folder: Path, tmp_path: Path
) -> None:
    original, corpus = load_tokenizer(bpe_folder), open_corpus([str(corpus_file)])
    tokenizer, _ = with_template(original, ("cls", "sep"), "bert")
    assert tokenizer.frame == ([tokenizer.special_ids["cls"]], [tokenizer.special_ids["sep"]])
    encode_shards(corpus, original, tmp_path / "shards")
    from_text, from_shards = (
        read_training_text(text, tokenizer, HoldOut(0.2, 1, 2000), options, silent)
        for text in (corpus, open_training_text([str(tmp_path / "shards")]))
    )
    for name in ("token_counts", "document_frequencies", "held_out_sizes"):
        np.testing.assert_array_equal(getattr(from_text, name), getattr(from_shards, name))
    assert from_text.facts == from_shards.facts and from_text.order == from_shards.order
    assert len(from_text.held_out_sizes) > 1


def test_a_held_out_part_is_measured_on_or_left(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    assert isinstance(tokenizer, LibraryTokenizer)
    encode_shards(open_corpus([str(corpus_file)]), tokenizer, tmp_path / "shards", split=Split.parse("val=0.2"))
    text = open_training_text([str(tmp_path / "shards")])
    assert isinstance(text, ShardsText) and "'val' is held out" in text.notes[0]
    alone = read_training_text(text, tokenizer, None, PLAIN, silent)
    measured = read_training_text(text, tokenizer, HoldOut(0.01, 0, 1 << 30), PLAIN, silent)
    train, val = (text.shards.manifest.parts[name].documents for name in ("train", "val"))
    assert len(alone.ids.ends) == len(measured.ids.ends) == train == alone.facts.documents
    assert len(measured.held_out_sizes) == val and measured.facts.documents == train + val


def test_shards_keep_their_own_tokenizer(
    corpus_file: Path, trained_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    encode_shards(open_corpus([str(corpus_file)]), load_tokenizer(trained_folder("bpe")), tmp_path / "shards")
    text = open_training_text([str(tmp_path / "shards")])
    with pytest.raises(UsageError, match="made with another tokenizer"):
        fit_embedding(text, trained_folder("word"), tmp_path / "emb", dim=4)
    fit_embedding(text, trained_folder("bpe"), tmp_path / "emb", dim=4, threads=1, settings={"epochs": 1})


def test_shards_that_cannot_be_trained_on(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    tokenizer, corpus = load_tokenizer(bpe_folder), open_corpus([str(corpus_file)])
    shards = tmp_path / "shards"
    encode_shards(corpus, tokenizer, shards, options=EncodeOptions(add_special=True))
    with pytest.raises(UsageError, match="--add-special"):
        open_training_text([str(shards)])
    encode_shards(corpus, tokenizer, shards, overwrite=True)
    with pytest.raises(UsageError, match="trained on alone"):
        open_training_text([str(shards), str(corpus_file)])
    with pytest.raises(UsageError, match="--unit is for text"):
        open_training_text([str(shards)], unit="file")
    (shards / "ids.bin").write_bytes(b"\xff" * (shards / "ids.bin").stat().st_size)
    with pytest.raises(ArtifactError, match="outside the vocabulary"):
        fit_embedding(open_training_text([str(shards)]), None, tmp_path / "emb", dim=4)
    assert not (tmp_path / "emb").exists()
