"""Records that are left out and counted, and files that are nearly right."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tokit.corpus import open_corpus
from tokit.errors import CorpusError

JSONL = (
    '{"text":"a"}\n{"text":null}\n{"text":"b"\n{"id":1}\n{"text":["x"]}\n{"text":"c"}{"text":"d"}\n[1]\n'
    '{"text":"\\ud800"}\n{"text":"e"}\n'
)


def read(path: Path, **options: object) -> tuple[list[str], dict[str, int], list[str]]:
    told: list[str] = []
    corpus = open_corpus([str(path)], tell=told.append, **options)  # type: ignore[arg-type]
    texts = [text for block in corpus.blocks() for text in block.texts()]
    return texts, corpus.skip_reasons, told


def test_bad_lines_of_json_are_counted_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(JSONL)
    texts, reasons, told = read(path, errors="skip")
    assert texts == ["a", "e"]
    assert reasons == {
        "null": 1, "broken JSON": 1, "missing field": 1, "not a string": 1, "two values on a line": 1, "no object": 1,
        "half of a surrogate pair": 1,
    }  # fmt: skip
    assert told == [
        f"{path}:2: skipped: null",
        f"{path}:3: skipped: broken JSON",
        f"{path}:4: skipped: missing field",
    ]


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", '{"text":"a"}\n{"text":null}\n'), ("a.csv", "text\n1,2\n")])
def test_a_strict_error_names_the_way_on(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(CorpusError, match=f"{name}:2: ") as raised:
        read(path)
    assert "--errors skip" in raised.value.hint


def test_nulls_and_long_values_of_a_table_are_left_out_with_their_records(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3, 4], "text": ["a", None, "x" * 50, "b"]}), path)
    assert read(path, errors="skip", max_document=20)[:2] == (["a", "b"], {"null": 1, "too long": 1})
    corpus = open_corpus([str(path)], errors="skip", keep_records=True)
    assert [record["id"] for block in corpus.blocks() for record in block.records or ()] == [1, 3, 4]


@pytest.mark.parametrize(
    ("rows", "texts", "reasons"),
    [
        ("1,a\n2\n3,b\n", ["a", "b"], {"row of another length": 1}),
        ('1,a\n2,"open\n3,b\n4,c\n', ["a", "b", "c"], {"bad quoting": 1}),
        ('1,"x" y\n2,b\n', ["b"], {"bad quoting": 1}),
    ],
)
def test_bad_rows_cost_no_good_one(tmp_path: Path, rows: str, texts: list[str], reasons: dict[str, int]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + rows)
    assert read(path, errors="skip")[:2] == (texts, reasons)


def test_a_line_after_a_row_that_was_read_again_keeps_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"open\n2,b\n3\n')
    assert read(path, errors="skip")[2] == [
        f"{path}:2: skipped: bad quoting",
        f"{path}:4: skipped: row of another length",
    ]


def test_cells_of_tsv_have_no_quotes(tmp_path: Path) -> None:
    path = tmp_path / "q.tsv"
    path.write_bytes(b'\xef\xbb\xbfid\ttext\n1\t"abc" def\n2\t"open\n3\ta\rb\n')
    assert read(path)[0] == ['"abc" def', '"open', "a\rb"]
    path.write_bytes(b"id\ttext\r\n1\ta\r\n")
    assert read(path)[0] == ["a"]


def test_columns_have_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title,body\n1,a,b\n")
    assert read(path, field="2")[0] == read(path, field="-2")[0] == ["a"]
    path.write_text('"3","Wall St.","Short"\n"4","Oil","Prices"\n')
    with pytest.raises(CorpusError, match="name of column 1 and the number of another"):
        read(path, field="3")


def test_garbage_behind_gzip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.txt.gz"
    path.write_bytes(gzip.compress(b"hello\n") + b"garbage")
    assert read(path) == (["hello"], {}, [f"{path}: garbage behind the gz data is ignored"])


def test_a_long_window_of_zstd_is_read(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    settings = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=False, hash_log=10, chain_log=10)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    path = tmp_path / "t.txt.zst"
    path.write_bytes(packer.compress(b"hello\n" * 2000) + packer.flush())
    assert read(path)[0] == ["hello"] * 2000
