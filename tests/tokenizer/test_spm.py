"""SentencePiece's trainer: documents of any length are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokit.corpus import open_corpus
from tokit.ops.train import train_tokenizer
from tokit.tokenizer.families import spm
from tokit.tokenizer.load import load_tokenizer


@given(document=st.text(" ab\n\t🙂é", max_size=60), limit=st.integers(4, 20))
def test_parts_are_the_document(document: str, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spm, "LONGEST_PART", limit)
        parts = list(spm.sentences_of(document))
    assert "".join(parts) == document
    assert all(len(part) <= limit for part in parts)
    # Words stay whole where they fit.
    for part in parts[:-1]:
        assert part[-1] in " \t\n" or not any(space in part for space in " \t\n")


def test_long_documents_are_trained_on(tmp_path: Path) -> None:
    text = tmp_path / "mix.txt"
    text.write_text("quixotic zyzzyva " * 70_000 + "\n" + "hello world again\n" * 300, encoding="utf-8")
    train_tokenizer(
        open_corpus([str(text)]), tmp_path / "spm", family="spm", vocab_sizes=(290,), settings={"model_type": "unigram"}
    )
    names = [name for name in load_tokenizer(tmp_path / "spm").pieces.names if not name.startswith("<")]
    assert set("qxz") <= set("".join(names))


def test_words_over_the_limit_are_trained_on(tmp_path: Path) -> None:
    text = tmp_path / "mix.txt"
    text.write_text("quixoticzyz" * 110_000 + "\n" + "hello world again\n" * 300, encoding="utf-8")
    report = train_tokenizer(open_corpus([str(text)]), tmp_path / "spm", family="spm", vocab_sizes=(290,))
    names = [name for name in load_tokenizer(tmp_path / "spm").pieces.names if not name.startswith("<")]
    assert set("qxz") <= set("".join(names))
    assert any("over 1,000 characters" in note for note in report.notes)
