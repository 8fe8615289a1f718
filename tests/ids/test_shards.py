"""Shards on disk: NumPy reads what was written, and splits depend on the documents alone."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.program import folder_bytes
from tokit.arrays import Ids
from tokit.corpus import open_corpus
from tokit.errors import ArtifactError, IdsError, UsageError
from tokit.ids import FORMATS
from tokit.ids.parts_writer import Split
from tokit.ids.shards import Shards, open_shards
from tokit.ids.writer import id_dtype
from tokit.kernels.dispatch import pack_ids
from tokit.ops.decode import decode_shards
from tokit.ops.encode_shards import encode_shards
from tokit.storage import hashed_file
from tokit.storage.data_manifests import ShardPart, ShardsManifest
from tokit.storage.manifests import CorpusFacts
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

END = 65_000
ROWS = st.lists(st.lists(st.integers(0, 60_000), max_size=6), max_size=12)


def written(tmp_path: Path, name: str, rows: list[list[int]], end: int | None, *, step: int = 3) -> Path:
    writer = FORMATS.get(name)(tmp_path / "ids", np.dtype("<u2"), end)
    for start in range(0, len(rows), step):
        writer.write(writer.packed(Ids.of(rows[start : start + step])))
    writer.close()
    assert writer.documents == len(rows)
    return writer.path


def test_digest_of_a_growing_file_equals_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(hashed_file, "STEP", 1000)
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: synced.append(1))
    file = hashed_file.GrowingFile(tmp_path / "ids.bin")
    for start in range(0, 10_000, 100):
        file.write(np.arange(start, start + 100, dtype=np.uint16))
    digest = file.close()
    content = np.arange(10_000, dtype=np.uint16).tobytes()
    assert (tmp_path / "ids.bin").read_bytes() == content
    assert digest == hashlib.sha256(content).hexdigest()
    assert synced


def test_disk_error_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(hashed_file, "STEP", 8)
    monkeypatch.setattr(os, "fdatasync", broken)
    file = hashed_file.GrowingFile(tmp_path / "ids.bin")
    with pytest.raises(OSError, match="the disk is gone"), closing(file):
        for _ in range(100):
            file.write(np.zeros(100, dtype=np.uint16))


def as_shards(tmp_path: Path, name: str, rows: list[list[int]], end: int | None) -> Shards:
    tokens = sum(map(len, rows)) + (len(rows) if end is not None else 0)
    manifest = ShardsManifest(
        format=name,
        dtype="uint16",
        documents=len(rows),
        tokens=tokens,
        parts={"ids": ShardPart(f"ids.{name}", len(rows), tokens, "ends.npy")},
        end_of_text=end,
        tokenizer_sha256="",
        tokenizer_family="byte",
        vocab_size=1 << 16,
        lossless=True,
        add_special=False,
        parse_special=False,
        max_length=None,
        separator="\n",
        open_end=False,
        split=None,
        seed=0,
        corpus=CorpusFacts("", len(rows), 0),
    )
    return Shards(tmp_path, manifest)


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=40)
@given(rows=ROWS, step=st.integers(1, 5))
def test_written_shards_are_read(tmp_path: Path, name: str, rows: list[list[int]], step: int) -> None:
    for end in (END, None):
        written(tmp_path, name, rows, end, step=step)
        shards = as_shards(tmp_path, name, rows, end)
        assert [row for ids in shards.read("ids") for row in ids.lists()] == rows


@pytest.mark.parametrize("name", ["bin", "npy"])
def test_long_parts_are_read_piece_by_piece(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import tokit.ids.shards

    rows = [[i] * (i % 9) for i in range(300)]
    written(tmp_path, name, rows, END)
    for tokens, documents in ((1, 4096), (10, 4096), (10**6, 1), (10**6, 7)):
        monkeypatch.setattr(tokit.ids.shards, "TOKENS_AT_ONCE", tokens)
        monkeypatch.setattr(tokit.ids.shards, "DOCUMENTS_AT_ONCE", documents)
        pieces = list(as_shards(tmp_path, name, rows, END).read("ids"))
        assert len(pieces) > 30
        assert [row for ids in pieces for row in ids.lists()] == rows


@pytest.mark.parametrize("rows", [[[1, 2], [], [3]], [[]], []])
def test_flat_files_hold_an_end_after_each_document(tmp_path: Path, rows: list[list[int]]) -> None:
    expected = [i for row in rows for i in [*row, 9]]
    path = written(tmp_path, "bin", rows, 9)
    assert np.fromfile(path, dtype="<u2").tolist() == expected
    assert np.load(written(tmp_path, "npy", rows, 9), allow_pickle=False).tolist() == expected
    ends = np.load(tmp_path / "ends.npy", allow_pickle=False)
    assert ends.dtype == np.int64
    assert ends.tolist() == np.cumsum([len(row) + 1 for row in rows]).tolist()


@pytest.mark.parametrize(("size", "dtype"), [(1, "uint16"), (65_536, "uint16"), (65_537, "uint32"), (10**9, "uint32")])
def test_dtype_is_the_narrowest_that_holds_every_id(size: int, dtype: str) -> None:
    chosen = id_dtype(size)
    assert chosen.name == dtype
    assert np.iinfo(chosen).max >= size - 1


@pytest.mark.parametrize("size", [65_536, 65_537])
def test_dtype_at_the_border_on_disk(bpe_folder: Path, tmp_path: Path, size: int) -> None:
    """A vocabulary whose last id is 65,535 or 65,536, and a text that has it."""
    spec = json.loads((bpe_folder / "tokenizer.json").read_bytes())
    spec["model"]["vocab"].update({f"filler{i}": i for i in range(600, size - 1)})
    spec["added_tokens"].append({**spec["added_tokens"][0], "id": size - 1, "content": "<|last|>"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    (tmp_path / "text.txt").write_text("a<|last|>\n")
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    assert tokenizer.vocab_size == size
    encode_shards(
        open_corpus([str(tmp_path / "text.txt")]),
        tokenizer,
        tmp_path / "out",
        options=EncodeOptions(parse_special=True),
    )
    dtype = np.dtype("<u2" if size == 65_536 else "<u4")
    ids = np.memmap(tmp_path / "out" / "ids.bin", dtype=dtype, mode="r")
    assert ids.tolist() == [*tokenizer.encode("a"), size - 1, 0]
    assert open_shards(tmp_path / "out").manifest.dtype == dtype.name


# --- splits


@pytest.fixture(scope="module")
def split_pieces(bpe_folder: Path, corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The same corpus, split in the same way, read in blocks of several sizes."""
    tokenizer = load_tokenizer(bpe_folder)
    made = {}
    for block_bytes in (1, 100, 4 << 20):
        made[block_bytes] = tmp_path_factory.mktemp("split") / "shards"
        corpus = open_corpus([str(corpus_file)], block_bytes=block_bytes)
        encode_shards(corpus, tokenizer, made[block_bytes], split=Split("val", 0.3))
    return made


def test_split_is_the_same_for_any_block_size(split_pieces: dict[int, Path]) -> None:
    one, *others = [folder_bytes(path) for path in split_pieces.values()]
    assert all(other == one for other in others)


def test_split_is_complete_and_disjoint(split_pieces: dict[int, Path], bpe_folder: Path, lines: list[str]) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    shards = open_shards(split_pieces[1])
    assert shards.parts == ["train", "val"]
    parts = {part: [tokenizer.decode(row) for ids in shards.read(part) for row in ids.lists()] for part in shards.parts}
    lines = [line for line in lines if line]
    assert sorted(parts["train"] + parts["val"]) == sorted(lines)
    assert not set(parts["train"]) & set(parts["val"])
    assert 0.2 < len(parts["val"]) / len(lines) < 0.4
    # Order is kept within a part.
    assert parts["val"] == [line for line in lines if line in set(parts["val"])]


def test_another_seed_holds_out_other_documents(bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    for seed in (0, 1):
        encode_shards(
            open_corpus([str(corpus_file)]), tokenizer, tmp_path / str(seed), split=Split("val", 0.3), seed=seed
        )
    assert (tmp_path / "0" / "val.bin").read_bytes() != (tmp_path / "1" / "val.bin").read_bytes()


@pytest.mark.parametrize(
    "value", ["val", "val=", "val=x", "val=0", "val=1", "val=-1", "val=nan", "=0.1", "a b=0.1", "train=0.1"]
)
def test_invalid_split(value: str) -> None:
    with pytest.raises(UsageError):
        Split.parse(value)


# --- foreign tokenizers


def test_tokenizer_without_end_of_text_gets_a_copy(bpe_folder: Path, english_file: Path, tmp_path: Path) -> None:
    spec = json.loads((bpe_folder / "tokenizer.json").read_bytes())
    spec["added_tokens"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    assert tokenizer.special_ids == {}
    renamed = {("<|end|>" if token == "<|endoftext|>" else token): i for token, i in spec["model"]["vocab"].items()}
    spec["model"]["vocab"] = renamed
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    report = encode_shards(open_corpus([str(english_file)]), tokenizer, tmp_path / "out")
    assert "<|endoftext|> as id 600" in report.notes[0]
    manifest = open_shards(tmp_path / "out").manifest
    copy = load_tokenizer(tmp_path / "out")
    assert manifest.end_of_text == 600 == copy.special_ids["endoftext"]
    assert manifest.tokenizer_sha256 == copy.sha256 != tokenizer.sha256
    assert manifest.vocab_size == 601
    ids = np.fromfile(tmp_path / "out" / "ids.bin", dtype="<u2")
    assert (ids == 600).sum() == english_file.read_bytes().count(b"\n")
    # Without an end of text the tokenizer is kept as it is.
    encode_shards(open_corpus([str(english_file)]), tokenizer, tmp_path / "rows", end_of_text=False)
    assert open_shards(tmp_path / "rows").manifest.tokenizer_sha256 == tokenizer.sha256


@pytest.mark.parametrize("variant", ["bpe", "unigram", "wordpiece", "spm"])
def test_shards_keep_the_tokenizer_that_the_hash_names(
    trained_folder: Callable[[str], Path], english_file: Path, tmp_path: Path, variant: str
) -> None:
    tokenizer = load_tokenizer(trained_folder(variant))
    encode_shards(open_corpus([str(english_file)]), tokenizer, tmp_path / "out")
    assert load_tokenizer(tmp_path / "out").sha256 == tokenizer.sha256


# --- damage


def outside(folder: Path, name: str, part: str) -> None:
    """Puts an id outside the vocabulary of 600 at the second place of the third document."""
    path = folder / f"{part}.{name}"
    if name == "parquet":
        rows = pq.read_table(path)["input_ids"].to_pylist()
        rows[2][1] = 60_000
        pq.write_table(pa.table({"input_ids": pa.array(rows, pa.list_(pa.uint16()))}), path)
        return
    ids = np.memmap(path, "<u2", "r+") if name == "bin" else np.load(path, mmap_mode="r+")
    ids[np.load(folder / f"{part}.ends.npy")[1] + 1] = 60_000
    ids.flush()


@pytest.mark.parametrize("name", list(FORMATS))
def test_ids_outside_the_vocabulary_are_named(
    bpe_folder: Path, english_file: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = open_corpus([str(english_file)])
    encode_shards(corpus, load_tokenizer(bpe_folder), tmp_path / "out", to=name, split=Split("val", 0.3))
    outside(tmp_path / "out", name, "val")
    for at_once in (2, 4096):
        monkeypatch.setattr("tokit.ids.shards.DOCUMENTS_AT_ONCE", at_once)
        place = "out, part 'val', document 3, position 2: id 60000 is outside the vocabulary of 600"
        with pytest.raises(IdsError, match=place) as caught:
            decode_shards(tmp_path / "out", io.BytesIO())
        assert "another tokenizer" in caught.value.hint


@pytest.mark.parametrize(
    "ends",
    [
        np.array([3, 2, 6]),
        np.array([-1, 2, 6]),
        np.array([2, 2, 6]),
        np.array([0, 2, 6]),
        np.array([2, 4, 5]),
        np.array([2, 4, 7]),
        np.array([2, 4]),
        np.array([[2], [4], [6]]),
        np.array([2.0, 4.0, 6.0]),
        np.array([2, 4, 6], dtype=np.int32),
        np.array([2**63 - 1, -5, 6]),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["bin", "npy"])
def test_invalid_ends_are_damage(tmp_path: Path, name: str, ends: np.ndarray[Any, Any]) -> None:
    rows = [[1], [2], [3]]
    written(tmp_path, name, rows, 7)
    np.save(tmp_path / "ends.npy", ends)
    with pytest.raises(ArtifactError, match=r"ends\.npy") as caught:
        list(as_shards(tmp_path, name, rows, 7).read("ids"))
    assert caught.value.hint == "the shards are damaged; encode again"


def test_ends_of_empty_shards_are_checked(tmp_path: Path) -> None:
    written(tmp_path, "bin", [], 7)
    np.save(tmp_path / "ends.npy", np.array([1]))
    with pytest.raises(ArtifactError, match=r"ends\.npy"):
        as_shards(tmp_path, "bin", [], 7).flat("ids")


@pytest.mark.parametrize(
    "column", [{"ids": [[1]]}, {"input_ids": [[1, -1]]}, {"input_ids": [None]}, {"input_ids": [1]}]
)
def test_parquet_rows_without_ids_are_damage(tmp_path: Path, column: dict[str, list[Any]]) -> None:
    pq.write_table(pa.table(column), tmp_path / "ids.parquet")
    with pytest.raises(ArtifactError) as caught:
        list(as_shards(tmp_path, "parquet", [[1]], None).read("ids"))
    assert caught.value.hint == "the shards are damaged; encode again"


def test_parquet_damaged_in_its_middle(tmp_path: Path) -> None:
    rows = [[i % 1000] * 9 for i in range(5000)]
    path = written(tmp_path, "parquet", rows, None, step=5000)
    data = bytearray(path.read_bytes())
    # The footer at the end stays whole, so that the file opens.
    data[4:200] = b"\xff" * 196
    path.write_bytes(data)
    with pytest.raises(ArtifactError) as caught:
        list(as_shards(tmp_path, "parquet", rows, None).read("ids"))
    assert caught.value.hint == "the shards are damaged; encode again"


# --- arrays


@given(rows=ROWS)
def test_end_of_text_and_selection(rows: list[list[int]]) -> None:
    ids = Ids.of(rows)
    assert ids.lists() == rows
    assert Ids(*pack_ids(ids, 5, np.dtype("<u4"))).lists() == [[*row, 5] for row in rows]
    mask = np.array([len(row) % 2 == 0 for row in rows], dtype=np.bool_)
    assert ids.select(mask).lists() == [row for row in rows if len(row) % 2 == 0]


def test_folder_without_shards(tmp_path: Path, bpe_folder: Path) -> None:
    with pytest.raises(ArtifactError):
        open_shards(tmp_path)
    with pytest.raises(ArtifactError, match="not shards"):
        open_shards(bpe_folder)


@pytest.mark.parametrize(
    ("entry", "value", "part"),
    [
        ("dtype", "foo", "no type of ids"),
        ("dtype", "float16", "no type of ids"),
        ("format", "csv", "no format of shards"),
    ],
)
def test_manifest_of_unknown_type_or_format(
    bpe_folder: Path, english_file: Path, tmp_path: Path, entry: str, value: str, part: str
) -> None:
    encode_shards(open_corpus([str(english_file)]), load_tokenizer(bpe_folder), tmp_path / "shards")
    manifest = json.loads((tmp_path / "shards" / "tokit.json").read_text("utf-8"))
    (tmp_path / "shards" / "tokit.json").write_text(json.dumps({**manifest, entry: value}), encoding="utf-8")
    with pytest.raises(ArtifactError, match=part):
        list(open_shards(tmp_path / "shards").read("ids"))
