"""Columns without a header, and fields inside fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.corpora import documents
from tokit.corpus import open_corpus
from tokit.errors import CorpusError, UsageError

NEWS = '"3","Wall St. falls","Short sellers"\n"4","Carlyle looks up","Private, firm"\n"4","Oil rises","Prices"\n'


@pytest.mark.parametrize(
    ("field", "first"), [("3", b"Short sellers"), ("2", b"Wall St. falls"), ("-1", b"Short sellers")]
)
def test_first_row_is_a_record(tmp_path: Path, field: str, first: bytes) -> None:
    (tmp_path / "ag.csv").write_text(NEWS, encoding="utf-8")
    found = documents(open_corpus([str(tmp_path / "ag.csv")], field=field, header=False))
    assert (found[0], len(found)) == (first, 3)


def test_number_that_is_also_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ag.csv").write_text(NEWS, encoding="utf-8")
    with pytest.raises(CorpusError, match="'3' is the name of column 1 and the number of another") as caught:
        documents(open_corpus([str(tmp_path / "ag.csv")], field="3"))
    assert "--no-header" in caught.value.hint


def test_tsv_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf1\tthe cat\r\n2\tthe sea\r\n")
    assert documents(open_corpus([str(tmp_path / "a.tsv")], field="2", header=False)) == [b"the cat", b"the sea"]


def test_records_have_numbers_for_names(tmp_path: Path) -> None:
    (tmp_path / "ag.csv").write_text(NEWS, encoding="utf-8")
    corpus = open_corpus([str(tmp_path / "ag.csv")], field="2", header=False, keep_records=True)
    records = [record for block in corpus.blocks() for record in block.records or ()]
    assert records[0] == {"1": "3", "2": "Wall St. falls", "3": "Short sellers"}


def test_what_has_no_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\n")
    with pytest.raises(UsageError, match="--no-header is for CSV and TSV"):
        open_corpus([str(tmp_path / "a.txt")], header=False)
    (tmp_path / "b.csv").write_bytes(b"")
    assert documents(open_corpus([str(tmp_path / "b.csv")], header=False)) == []


@pytest.mark.parametrize(
    ("record", "field", "text"),
    [
        ({"meta": {"text": "a"}}, "meta.text", b"a"),
        ({"meta.text": "literal", "meta": {"text": "a"}}, "meta.text", b"literal"),
        ({"messages": [{"content": "hi"}, {"content": "there"}]}, "messages.*.content", b"hi\nthere"),
        ({"parts": ["a", "b"]}, "parts.*", b"a\nb"),
        ({"a": {"b": {"c": [{"d": "x"}]}}}, "a.b.c.*.d", b"x"),
        ({"messages": []}, "messages.*.content", b""),
    ],
)
def test_fields_inside_fields(tmp_path: Path, record: dict[str, Any], field: str, text: bytes) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert documents(open_corpus([str(tmp_path / "a.jsonl")], field=field)) == [text]


@pytest.mark.parametrize(
    ("record", "field", "what"),
    [
        ({"meta": {"body": "a"}}, "meta.text", "no field 'meta.text'"),
        ({"meta": "a"}, "meta.text", "no field 'meta.text'"),
        ({"messages": [{"content": "a"}, {"content": None}]}, "messages.*.content", "is null"),
        ({"messages": [{"content": "a"}, {}]}, "messages.*.content", "no field|is "),
        ({"n": {"text": 3}}, "n.text", "is a number"),
    ],
)
def test_fields_that_hold_no_text(tmp_path: Path, record: dict[str, Any], field: str, what: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=what):
        documents(open_corpus([str(tmp_path / "a.jsonl")], field=field))
    skipping = open_corpus([str(tmp_path / "a.jsonl")], field=field, errors="skip")
    assert documents(skipping) == []
    assert skipping.skipped == 1


def test_hint_names_paths(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"meta": {"text": "a"}, "messages": [{"content": "b"}]}\n', encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        documents(open_corpus([str(tmp_path / "a.jsonl")]))
    assert "meta.text" in caught.value.hint
    assert "messages.*.content" in caught.value.hint


ROWS = [
    {"meta": {"text": "a", "n": 1}, "messages": [{"content": "hi"}, {"content": "there"}], "tags": ["x", "y"]},
    {"meta": {"text": "b", "n": 2}, "messages": [], "tags": []},
    {"meta": {"text": "ç", "n": 3}, "messages": [{"content": "z"}], "tags": ["w"]},
]


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("meta.text", ["a", "b", "ç"]),
        ("messages.*.content", ["hi\nthere", "", "z"]),
        ("tags.*", ["x\ny", "", "w"]),
    ],
)
def test_fields_inside_columns(tmp_path: Path, format_: str, field: str, texts: list[str]) -> None:
    path = write_table(pa.Table.from_pylist(ROWS).slice(0), tmp_path / f"a.{format_}")
    assert documents(open_corpus([str(path)], field=field)) == [text.encode() for text in texts]
    corpus = open_corpus([str(path)], field=field, keep_records=True)
    assert [record for block in corpus.blocks() for record in block.records or ()] == ROWS


def write_table(table: Any, path: Path) -> Path:
    """A table as a file of the format that its name says, in small batches."""
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=2)
        return path
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def test_columns_that_hold_no_text_inside(tmp_path: Path) -> None:
    path = write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"no field 'meta\.body'") as caught:
        documents(open_corpus([str(path)], field="meta.body"))
    assert "meta.text" in caught.value.hint
    with pytest.raises(CorpusError, match=r"'meta.n' is int64, not text"):
        documents(open_corpus([str(path)], field="meta.n"))
    with pytest.raises(CorpusError, match="no field 'text'") as caught:
        documents(open_corpus([str(path)]))
    assert "messages.*.content" in caught.value.hint


def test_nulls_inside_columns_are_skipped(tmp_path: Path) -> None:
    rows = [{"meta": {"text": "a"}}, {"meta": {"text": None}}, {"meta": None}, {"meta": {"text": "b"}}]
    path = write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    corpus = open_corpus([str(path)], field="meta.text", errors="skip")
    assert documents(corpus) == [b"a", b"b"]
    assert corpus.skip_reasons == {"null": 2}


@pytest.mark.parametrize(
    ("name", "content", "field", "said"),
    [
        ("ag.csv", NEWS, "2", "ag.csv:1: column 2 is called 'Wall St. falls'; where the first row names no columns"),
        ("ag.tsv", "3\tWall\n4\tOil\n", "-1", "ag.tsv:1: column -1 is called 'Wall'; where the first row"),
        ("q.tsv", 'id\ttext\n1\tplain\n2\t"the, cat"\n', "text", "q.tsv:3: quotes around a cell of TSV are content"),
        ("q.tab", 'text\n"a"\n"b"\n', "text", "q.tab:2: quotes around a cell of TSV are content"),
    ],
)
def test_what_is_assumed_of_a_table_is_said_once(
    tmp_path: Path, name: str, content: str, field: str, said: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    told: list[str] = []
    documents(open_corpus([str(tmp_path / name)], field=field, tell=told.append))
    assert [said in note for note in told] == [True]


@pytest.mark.parametrize("content", ['id\ttext\n1\tsay "a"\n2\t"\n3\t"a" or b\n', "text\nplain\n"])
def test_nothing_is_said_of_other_quotes(tmp_path: Path, content: str) -> None:
    (tmp_path / "q.tsv").write_text(content, encoding="utf-8")
    told: list[str] = []
    documents(open_corpus([str(tmp_path / "q.tsv")], tell=told.append))
    assert told == []


@pytest.mark.parametrize("value", ["3", "true", "1.5", '{"encoder": {"layers": 2}}'])
def test_settings_of_a_program_in_a_folder_are_passed_over(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.json").write_text('{"text": "a"}\n')
    (tmp_path / "settings.json").write_text(f'{{"text": {value}}}')
    told: list[str] = []
    assert documents(open_corpus([str(tmp_path)], tell=told.append)) == [b"a"]
    assert "files passed over, as they are no text: 1" in told[0] and "settings.json" in told[0]


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"meta.te": {"xt": "a"}}, "meta.te.xt"),
        ({"meta": {"te.xt": "a"}}, "meta.te.xt"),
        ({"meta": {"te": {"id": 1}, "te.xt": "a"}}, "meta.te.xt"),
        ({"parts": [{"a.b": "a"}]}, "parts.*.a.b"),
    ],
)
def test_names_inside_objects_hold_dots_too(tmp_path: Path, record: dict[str, Any], field: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    assert documents(open_corpus([str(tmp_path / "a.jsonl")], field=field)) == [b"a"]


def test_columns_of_one_name_are_refused_where_records_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,id,id\na,1,2\n")
    assert documents(open_corpus([str(tmp_path / "a.csv")])) == [b"a"]
    with pytest.raises(CorpusError, match="2 columns are called 'id'"):
        documents(open_corpus([str(tmp_path / "a.csv")], keep_records=True))
