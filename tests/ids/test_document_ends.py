"""The ends of documents in shards: one end-of-text token, and no documents that are nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.program import Ran, assert_error
from tokit.arrays import Ids
from tokit.ids.document_ends import with_ends
from tokit.ids.shards import open_shards
from tokit.ops.fit import fit_embedding
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.training_text import open_training_text

Cli = Callable[..., Ran]
FORMATS = ["bin", "npy", "parquet"]
PARAGRAPHS = b"Title\n\nPara one\n\n\nPara two\n\n"


def rows_of(folder: Path, to: str) -> list[list[int]]:
    """The rows as they lie on disk."""
    if to == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        rows: list[list[int]] = parquet.read_table(folder / "ids.parquet")["input_ids"].to_pylist()
        return rows
    ids = np.load(folder / "ids.npy") if to == "npy" else np.fromfile(folder / "ids.bin", dtype="<u2")
    ends = np.load(folder / "ends.npy").tolist()
    return [ids[start:end].tolist() for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(rows=st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=6))
def test_each_document_gets_one_end(rows: list[list[int]]) -> None:
    assert with_ends(Ids.of(rows), 0).lists() == [row if row[-1:] == [0] else [*row, 0] for row in rows]


@pytest.mark.parametrize("to", FORMATS)
def test_end_of_text_is_in_every_format_alike(cli: Cli, bpe_folder: Path, tmp_path: Path, to: str) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    plain = tokenizer.encode_batch(["the cat", "the sea"])
    for option, end in (("--end-of-text", [0]), ("--no-end-of-text", [])):
        target = tmp_path / f"shards{option}"
        assert cli("encode", "-t", bpe_folder, "-o", target, "--to", to, option, stdin=b"the cat\nthe sea\n").code == 0
        assert rows_of(target, to) == [[*row, *end] for row in plain]
        assert open_shards(target).manifest.end_of_text == (0 if end else None)
        assert cli("decode", target).out == b"the cat\nthe sea\n"
        assert cli("inspect", target, "--check").code == 0


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--add-special"], b"the cat\nthe sea\n"),
        (["--parse-special"], b"the cat<|endoftext|>\nthe sea\n"),
        (["--parse-special", "--add-special"], b"the cat\nthe sea\n"),
        # Cut in the middle of a document that a template ends.
        (["--add-special", "--max-length", "2"], b"the cat\nthe sea\n"),
    ],
)
def test_two_ends_never(cli: Cli, english_file: Path, tmp_path: Path, to: str, options: list[str], text: bytes) -> None:
    ran = cli("train", "bpe", english_file, "-v", 320, "--template", "eos", "-o", tmp_path / "eos")
    assert ran.code == 0, ran.err
    target = tmp_path / "shards"
    assert cli("encode", "-t", tmp_path / "eos", "-o", target, "--to", to, *options, stdin=text).code == 0
    rows = rows_of(target, to)
    assert [row.count(0) for row in rows] == [1, 1]
    assert [row[-1] for row in rows] == [0, 0]
    if "--max-length" not in options:
        assert cli("decode", target).out == b"the cat\nthe sea\n"


@pytest.mark.parametrize("to", FORMATS)
def test_empty_documents_are_left_out_and_counted(cli: Cli, bpe_folder: Path, tmp_path: Path, to: str) -> None:
    target = tmp_path / "shards"
    ran = cli("encode", "-t", bpe_folder, "-o", target, "--to", to, stdin=PARAGRAPHS)
    assert "4 of 7 documents are empty (57.1%) and were left out; --unit blank reads paragraphs" in ran.err
    assert cli("decode", target).out == b"Title\nPara one\nPara two\n"
    manifest = open_shards(target).manifest
    assert (manifest.documents, manifest.empty_left_out, manifest.corpus.documents) == (3, 4, 7)
    kept = tmp_path / "kept"
    ran = cli("encode", "-t", bpe_folder, "-o", kept, "--to", to, "--keep-empty", stdin=PARAGRAPHS)
    assert (ran.code, "left out" in ran.err) == (0, False)
    assert cli("decode", kept).out == PARAGRAPHS
    assert open_shards(kept).manifest.empty_left_out == 0


def test_records_and_paragraphs_get_no_advice_on_units(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    records = b'{"text": ""}\n{"text": "a"}\n'
    ran = cli("encode", "-t", bpe_folder, "-o", tmp_path / "a", "--format", "jsonl", stdin=records)
    assert "1 of 2 documents are empty (50.0%) and were left out\n" in ran.err
    ran = cli("encode", "-t", bpe_folder, "-o", tmp_path / "b", "--unit", "blank", stdin=PARAGRAPHS)
    assert (ran.code, "left out" in ran.err) == (0, False)
    ran = cli("encode", "-t", bpe_folder, "-o", tmp_path / "c", "--split", "val=0.5", stdin=PARAGRAPHS)
    assert sum(part.documents for part in open_shards(tmp_path / "c").manifest.parts.values()) == 3


def test_nothing_but_empty_documents_is_an_error(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    ran = cli("encode", "-t", bpe_folder, "-o", tmp_path / "shards", stdin=b"\n\n\n")
    assert_error(ran, 1, "all 3 documents are empty")
    assert not (tmp_path / "shards").exists()


def test_rows_of_a_training_have_no_empty_document(english_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    spaced = tmp_path / "spaced.txt"
    spaced.write_bytes(english_file.read_bytes().replace(b"\n", b"\n\n"))
    reports = []
    for path in (english_file, spaced):
        text = open_training_text([str(path)])
        reports.append(fit_embedding(text, bpe_folder, tmp_path / path.stem, dim=4, threads=1, settings={"epochs": 1}))
    assert reports[0].tokens == reports[1].tokens
    assert any("(50.0%) and were left out; --unit blank" in note for note in reports[1].notes)
    vectors = [(tmp_path / path.stem / "model.safetensors").read_bytes() for path in (english_file, spaced)]
    assert vectors[0] == vectors[1]


def test_options_of_shards_are_refused_for_lines(cli: Cli, bpe_folder: Path) -> None:
    for option in ("--end-of-text", "--no-end-of-text", "--keep-empty"):
        assert_error(cli("encode", "-t", bpe_folder, option, stdin=b"a\n"), 2, "is for shards")


def test_ids_that_nanogpt_does_not_read_are_said(cli: Cli, tmp_path: Path) -> None:
    words = {"[UNK]": 0, **{f"w{i}": i for i in range(1, 70_000)}}
    parts = ("truncation", "padding", "normalizer", "post_processor", "decoder")
    spec = {
        "version": "1.0",
        **dict.fromkeys(parts),
        "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    (tmp_path / "wide.json").write_text(json.dumps(spec))
    ran = cli("encode", "-t", tmp_path / "wide.json", "-o", tmp_path / "shards", stdin=b"w1 w69999\n")
    assert "needs ids of 32 bits: nanoGPT's train.py reads 16" in ran.err
    entries = json.loads((tmp_path / "shards" / "tokit.json").read_bytes())
    assert (entries["dtype"], entries["vocab_size"]) == ("uint32", 70_001)
    assert np.fromfile(tmp_path / "shards" / "ids.bin", dtype=entries["dtype"]).tolist() == [1, 69_999, 70_000]
