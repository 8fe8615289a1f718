"""Shards as training loops read them: numpy, nanoGPT's memory map, pyarrow, datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tokit.corpus import open_corpus
from tokit.ops.encode import encode_shards
from tokit.tokenizer.load import load_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shards(bpe_folder: Path, corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("shards")

    def folder(to: str) -> Path:
        if not (root / to).exists():
            encode_shards(open_corpus([str(corpus_file)]), load_tokenizer(bpe_folder), root / to, to=to)
        return root / to

    return folder


@pytest.fixture(scope="module")
def rows(bpe_folder: Path, lines: list[str]) -> list[list[int]]:
    return load_tokenizer(bpe_folder).encode_batch(lines)


def test_bin_as_nanogpt_reads_it(shards: Callable[[str], Path], rows: list[list[int]]) -> None:
    data = np.memmap(shards("bin") / "ids.bin", dtype=np.uint16, mode="r")
    assert data.tolist() == [i for row in rows for i in [*row, 0]]
    # A batch of nanoGPT: x, and y one further.
    block = data[100 : 100 + 65].astype(np.int64)
    assert block[1:].tolist() == data[101 : 100 + 65].tolist()


@pytest.mark.parametrize(
    ("to", "load"),
    [
        ("bin", lambda path: np.fromfile(path / "ids.bin", dtype="<u2")),
        ("npy", lambda path: np.load(path / "ids.npy", mmap_mode="r")),
    ],
)
def test_ends_cut_the_documents_out(
    shards: Callable[[str], Path], rows: list[list[int]], to: str, load: Callable[[Path], np.ndarray]
) -> None:
    ids, ends = load(shards(to)), np.load(shards(to) / "ends.npy")
    assert ids.dtype == np.uint16
    starts = [0, *ends[:-1].tolist()]
    assert [ids[start : end - 1].tolist() for start, end in zip(starts, ends.tolist(), strict=True)] == rows


def test_parquet_in_pyarrow(shards: Callable[[str], Path], rows: list[list[int]]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(shards("parquet") / "ids.parquet")
    assert table.column_names == ["input_ids"]
    assert table.column("input_ids").to_pylist() == rows


def test_parquet_in_datasets(shards: Callable[[str], Path], rows: list[list[int]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_parquet(str(shards("parquet") / "ids.parquet"), cache_dir=str(tmp_path))
    assert dataset.column_names == ["input_ids"]
    assert dataset["input_ids"][:] == rows
    assert len(dataset[3]["input_ids"]) == len(rows[3])
