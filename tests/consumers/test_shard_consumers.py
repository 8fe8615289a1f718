"""Shards as training loops read them: numpy, nanoGPT's memory map, pyarrow, datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pages import Page
from tests.support.program import ROOT
from tokit.corpus import open_corpus
from tokit.ids.parts_writer import Split
from tokit.ops.encode_shards import encode_shards
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
    return load_tokenizer(bpe_folder).encode_batch([line for line in lines if line]).lists()


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
    assert table.column("input_ids").to_pylist() == [[*row, 0] for row in rows]


def test_parquet_in_datasets(shards: Callable[[str], Path], rows: list[list[int]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_parquet(str(shards("parquet") / "ids.parquet"), cache_dir=str(tmp_path))
    assert dataset.column_names == ["input_ids"]
    assert dataset["input_ids"][:] == [[*row, 0] for row in rows]
    assert len(dataset[3]["input_ids"]) == len(rows[3]) + 1


def test_a_loop_trains_on_what_the_page_reads(bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    """The lines of docs/tokenizers.md give a training loop all that nanoGPT's asks for."""
    torch = pytest.importorskip("torch")
    corpus, tokenizer = open_corpus([str(corpus_file)]), load_tokenizer(bpe_folder)
    encode_shards(corpus, tokenizer, tmp_path / "shards", split=Split("val", 0.1))
    loader = next(code for code in Page(ROOT / "docs" / "tokenizers.md").examples() if "shards/tokit.json" in code)
    page: dict[str, Any] = {}
    exec(loader.replace("shards/", f"{tmp_path}/shards/"), page)
    ids, vocab_size = page["ids"], page["vocab_size"]
    assert (vocab_size, ids.dtype, len(ids)) == (tokenizer.vocab_size, np.uint16, int(page["ends"][-1]))
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(vocab_size, 32), torch.nn.Linear(32, vocab_size))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        starts = torch.randint(len(ids) - 33, (16,)).tolist()
        x = torch.stack([torch.from_numpy(ids[start : start + 32].astype(np.int64)) for start in starts])
        y = torch.stack([torch.from_numpy(ids[start + 1 : start + 33].astype(np.int64)) for start in starts])
        loss = torch.nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1
