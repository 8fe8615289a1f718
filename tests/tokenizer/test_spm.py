"""SentencePiece's trainer: documents of any length are trained on, and where its two files differ is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.program import Ran
from tokit.arrays import Block
from tokit.corpus import open_corpus
from tokit.errors import TrainingError
from tokit.ops.train import TrainReport, train_tokenizer
from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer.families import spm
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.train.text_sample import sampled_texts


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
    report = train_tokenizer(
        open_corpus([str(text)]), tmp_path / "spm", family="spm", vocab_sizes=(290,), settings={"model_type": "unigram"}
    )
    assert "documents of over 16,384 characters were trained on in parts: 1" in report.notes
    names = [name for name in load_tokenizer(tmp_path / "spm").pieces.names if not name.startswith("<")]
    assert set("qxz") <= set("".join(names))


def test_words_over_the_limit_are_trained_on(tmp_path: Path) -> None:
    text = tmp_path / "mix.txt"
    text.write_text("quixoticzyz" * 110_000 + "\n" + "hello world again\n" * 300, encoding="utf-8")
    report = train_tokenizer(open_corpus([str(text)]), tmp_path / "spm", family="spm", vocab_sizes=(290,))
    names = [name for name in load_tokenizer(tmp_path / "spm").pieces.names if not name.startswith("<")]
    assert set("qxz") <= set("".join(names))
    assert any("over 1,000 characters" in note for note in report.notes)


@pytest.mark.parametrize(
    ("text", "longest", "size", "message", "hint"),
    [
        ("a b " * 300_000, 1 << 21, 300, "no text to train on", "other text"),
        ("the cat\n", 1 << 14, 200, "-v is too small", "a larger -v"),
    ],
)
def test_refusals_of_sentencepiece_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, longest: int, size: int, message: str, hint: str
) -> None:
    monkeypatch.setattr(spm, "LONGEST_PART", longest)
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match=message) as caught:
        train_tokenizer(
            open_corpus([str(tmp_path / "text.txt")]), tmp_path / "spm", family="spm", vocab_sizes=(size,),
            settings={"model_type": "unigram"},
        )  # fmt: skip
    assert hint in caught.value.hint


def test_score_that_is_not_finite_names_the_long_line() -> None:
    error = spm.refusal("INTERNAL: src/unigram_model_trainer.cc(123) [std::isfinite(score)]")
    assert "a very long run without white space" in str(error)
    assert "split the long line" in error.hint


def test_documents_within_the_limit_have_no_note(tmp_path: Path) -> None:
    report = trained(tmp_path, ["short lines of text"] * 2000, (), model_type="unigram")
    assert not any("in parts" in note for note in report.notes)


MARKED = ["e\u0323\u0301gb\u0301e\u0323", "\u304b\u3099\u304f", "a\u00a0\u0301b", "\u1112\u1161\u11ab", "e\u0301\u0323"]


def trained(folder: Path, lines: list[str], normalizers: tuple[str, ...], **settings: str) -> TrainReport:
    text = folder / "text.txt"
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return train_tokenizer(
        open_corpus([str(text)]), folder / "spm", family="spm", vocab_sizes=(400,), settings=settings,
        pipeline=PipelineOptions(normalizers=normalizers),
    )  # fmt: skip


@pytest.mark.parametrize("normalizers", [("nfkc",), ("nfkc", "lowercase")])
@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
@pytest.mark.parametrize("mark", MARKED)
def test_text_on_which_the_two_files_differ_is_said(
    tmp_path: Path, mark: str, model_type: str, normalizers: tuple[str, ...]
) -> None:
    """The number is that of SentencePiece and of the folder that was written."""
    from sentencepiece import SentencePieceProcessor

    lines = [f"a plain line number {i}" for i in range(20)] + [f"with {mark} in {i}" for i in range(10)]
    report = trained(tmp_path, lines, normalizers, model_type=model_type)
    theirs = SentencePieceProcessor(model_file=str(tmp_path / "spm" / "tokenizer.model")).encode(lines)
    differing = sum(
        ours != ids for ours, ids in zip(load_tokenizer(tmp_path / "spm").library_ids(lines), theirs, strict=True)
    )
    note = next(note for note in report.notes if "tokenizer.model" in note)
    assert f"on {differing} of 30 sampled documents, such as {mark!r}" in note and "--normalizer none" in note
    assert differing == 10


def test_text_on_which_the_two_files_agree_is_said_too(tmp_path: Path) -> None:
    report = trained(tmp_path, ["the cat", "ﬁve ² cats", "größe"] * 9, ("nfkc",))
    assert [note for note in report.notes if "on all 27 sampled documents" in note]


def test_nothing_is_said_without_a_normalizer(tmp_path: Path) -> None:
    assert trained(tmp_path, ["the cat", *MARKED] * 9, ()).notes == ()


def test_text_from_a_pipe_is_compared(cli: Callable[..., Ran], tmp_path: Path) -> None:
    ran = cli(
        "train", "spm", "-v", "400", "--normalizer", "nfkc", "-o", tmp_path / "spm",
        stdin="".join(f"{mark} the\n" for mark in MARKED * 9).encode(),
    )  # fmt: skip
    assert ran.code == 0 and "of 45 sampled documents" in ran.err


def test_counts_are_compared_by_their_words(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a e\u0301\u0323 b\n" * 9, encoding="utf-8")
    pipeline = ("--pre-tokenizer", "metaspace", "--normalizer", "nfkc")
    assert cli("count", tmp_path / "text", *pipeline, "-o", tmp_path / "counts").code == 0
    ran = cli("train", "spm", "--counts", tmp_path / "counts", "-v", "400", "-o", tmp_path / "spm")
    assert ran.code == 0 and "sampled words" in ran.err


def test_a_sample_is_drawn_from_all_documents() -> None:
    blocks = [Block.of(f"{i}".encode() for i in range(first, first + 250)) for first in range(0, 2000, 250)]
    sample = sampled_texts([*blocks, Block.of([])], 100, 7, longest=3)
    assert len(sample) == 100 and max(map(len, sample)) == 3
    drawn = [number for number in range(2000) if str(number) in set(sampled_texts(blocks, 100, 7, longest=9))]
    assert all(any(first <= number < first + 500 for number in drawn) for first in range(0, 2000, 500))
    assert sampled_texts(blocks, 100, 7, longest=9) == sampled_texts(blocks, 100, 7, longest=9)
    assert sorted(sampled_texts(blocks, 5000, 0, longest=9), key=int) == [str(i) for i in range(2000)]
