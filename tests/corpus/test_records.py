"""Records: JSON lines, CSV and TSV, Parquet and Arrow, Wikipedia dumps."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.packages import needs_gensim
from tokit.arrays import Record
from tokit.corpus import Corpus, open_corpus
from tokit.corpus.formats import parquet
from tokit.errors import CorpusError, MissingExtraError

STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELLS = st.one_of(
    STRINGS, st.sampled_from(["", "a,b", 'say "hi"', "two\nlines", "dos\r\nline", "tab\t", " ", "\0", "\r"])
)
SIZES = st.integers(1, 60)
on_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


def documents(corpus: Corpus) -> list[bytes]:
    return [document for block in corpus.blocks() for document in block.documents()]


def records(corpus: Corpus) -> list[Record]:
    return [record for block in corpus.blocks() for record in block.records or ()]


def make(tmp_path: Path, name: str, data: bytes | str) -> str:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def write_jsonl(path: Path, rows: list[Record]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_delimited(delimiter: str) -> Callable[[Path, list[Record]], None]:
    def write(path: Path, rows: list[Record]) -> None:
        with path.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, ["id", "text"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)

    return write


def table(rows: list[Record]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in ("id", "text")})


def write_parquet(path: Path, rows: list[Record]) -> None:
    pq.write_table(table(rows), path, row_group_size=3)


def write_arrow_file(path: Path, rows: list[Record]) -> None:
    with pa.ipc.new_file(path, table(rows).schema) as out:
        out.write_table(table(rows), max_chunksize=3)


def write_arrow_stream(path: Path, rows: list[Record]) -> None:
    with pa.ipc.new_stream(path, table(rows).schema) as out:
        out.write_table(table(rows), max_chunksize=3)


FORMATS: dict[str, Callable[[Path, list[Record]], None]] = {
    "x.jsonl": write_jsonl,
    "x.csv": write_delimited(","),
    "x.tsv-quoted": write_delimited("\t"),
    "x.parquet": write_parquet,
    "x.arrow": write_arrow_file,
    "x.feather": write_arrow_stream,
}


# --- every format


@pytest.mark.parametrize("name", FORMATS)
@on_files
@given(texts=st.lists(CELLS, max_size=8), size=SIZES)
def test_records_written_are_read(tmp_path: Path, name: str, texts: list[str], size: int) -> None:
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    FORMATS[name](tmp_path / name, rows)
    path = str(tmp_path / name)
    assert documents(open_corpus([path], block_bytes=size)) == [text.encode() for text in texts]
    corpus = open_corpus([path], block_bytes=size, keep_records=True)
    assert records(corpus) == rows
    assert all(len(block) and len(block) == len(block.records or ()) for block in corpus.blocks())
    assert all(
        len(block.data) <= 2 * size or len(block) == 1 for block in open_corpus([path], block_bytes=size).blocks()
    )
    assert [d.decode() for d in documents(open_corpus([path], field="id"))] == [row["id"] for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_missing_field_names_those_that_are_there(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, [{"id": "1", "text": "a"}])
    with pytest.raises(CorpusError, match=rf"{name}.*: no field 'txt'") as caught:
        documents(open_corpus([str(tmp_path / name)], field="txt"))
    assert "did you mean 'text'?" in caught.value.hint and "id" in caught.value.hint


@pytest.mark.parametrize("name", FORMATS)
def test_long_document_is_an_error(tmp_path: Path, name: str) -> None:
    rows = [{"id": "1", "text": "é" * 5}, {"id": "2", "text": "é" * 6}]
    FORMATS[name](tmp_path / name, rows)
    path = str(tmp_path / name)
    assert len(documents(open_corpus([path], max_document=12))) == 2
    with pytest.raises(CorpusError, match=r"(x\.[\w-]+:[23]|record 2): the document is longer than 11 bytes"):
        documents(open_corpus([path], max_document=11))


@pytest.mark.parametrize("name", FORMATS)
def test_records_come_from_standard_input_too(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": str(number), "text": f"text {number}"} for number in range(7)]
    FORMATS[name](tmp_path / name, rows)
    reading, writing = os.pipe()
    os.write(writing, (tmp_path / name).read_bytes())
    os.close(writing)
    kind = {".feather": "arrow"}.get(Path(name).suffix, Path(name).suffix[1:])
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert records(open_corpus(format=kind, keep_records=True)) == rows


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.feather"])
def test_reading_a_table_counts_its_bytes(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, [{"id": str(number), "text": "text"} for number in range(10)])
    corpus = open_corpus([str(tmp_path / name)])
    documents(corpus)
    assert corpus.total_bytes is not None
    assert 0.8 * corpus.total_bytes <= corpus.bytes_read <= corpus.total_bytes


# --- JSON lines


def test_empty_lines_are_no_records(tmp_path: Path) -> None:
    path = make(tmp_path, "x.ndjson", '\ufeff{"text":"a"}\r\n\n  \r\n{"text":"b"}')
    blocks = list(open_corpus([path]).blocks())
    assert [document for block in blocks for document in block.documents()] == [b"a", b"b"]
    assert not any(block.open_end for block in blocks)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', r"x.jsonl:2: broken JSON at column 13"),
        ("plain words", r"x.jsonl:2: broken JSON at column 1"),
        ("[1, 2]", r"x.jsonl:2: a list where a JSON object should be"),
        ('"text"', r"x.jsonl:2: a string where"),
        ("null", r"x.jsonl:2: null where"),
        ('{"text": 3}', r"x.jsonl:2: field 'text' is a number, not a string"),
        ('{"text": null}', r"x.jsonl:2: field 'text' is null, not a string"),
        ('{"text": true}', r"x.jsonl:2: field 'text' is a boolean, not a string"),
        ("{}", r"x.jsonl:2: no field 'text'"),
        ('{"text": ' + "9" * 5000 + "}", r"x.jsonl:2: JSON that cannot be read"),
        ("[" * 200_000, r"x.jsonl:2: "),
    ],
)
@pytest.mark.parametrize("size", [5, 1 << 20])
def test_broken_lines_are_named(tmp_path: Path, line: str, message: str, size: int) -> None:
    path = make(tmp_path, "x.jsonl", '{"text": "fine"}\n' + line + "\n")
    with pytest.raises(CorpusError, match=message):
        documents(open_corpus([path], block_bytes=size))


BAD_JSON = b'{"text": "a"}\n{"text": "\xe9\xe2\x82"}\n{"text": "x", "id": "\xff"}\n{"text": "\\ud800 \\ud83d\\udc69"}\n'


def test_bad_bytes_in_json_lines(tmp_path: Path) -> None:
    path = make(tmp_path, "x.jsonl", BAD_JSON)
    with pytest.raises(CorpusError, match=r"x.jsonl:2: byte 0xE9 at offset 10 of the line is not UTF-8"):
        documents(open_corpus([path]))
    replacing = open_corpus([path], errors="replace")
    assert documents(replacing) == [b"a", "\ufffd\ufffd".encode(), b"x", "\ufffd 👩".encode()]
    assert replacing.replaced == 3
    skipping = open_corpus([path], errors="skip", keep_records=True)
    assert records(skipping) == [{"text": "a"}]
    assert skipping.skipped == 3


def test_half_a_surrogate_pair_is_not_utf8(tmp_path: Path) -> None:
    path = make(tmp_path, "x.jsonl", '{"text": "ok"}\n{"text": "\\ud800"}\n')
    with pytest.raises(CorpusError, match=r"x.jsonl:2: field 'text' holds half of a surrogate pair"):
        documents(open_corpus([path]))
    assert records(open_corpus([path], errors="replace", keep_records=True))[1] == {"text": "\ufffd"}


# --- CSV and TSV


def test_quoted_cell_holds_line_ends_and_rows_keep_their_line(tmp_path: Path) -> None:
    path = make(tmp_path, "x.csv", '\ufefftext,n\r\n"a\r\nb",1\r\n\r\nc\r\n')
    with pytest.raises(CorpusError, match=r"x.csv:5: 1 cells where the header has 2"):
        documents(open_corpus([path]))
    path = make(tmp_path, "x.csv", '\ufefftext,n\r\n"a\r\nb",1\r\n\r\nc,2')
    assert documents(open_corpus([path])) == [b"a\r\nb", b"c"]


@pytest.mark.parametrize("text", ['text\n"open\nnever closed\n', 'text\n"a"b\n'])
def test_quote_that_is_not_closed_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(CorpusError, match=r"x.csv:2: ") as caught:
        documents(open_corpus([make(tmp_path, "x.csv", text)]))
    assert "quote" in caught.value.hint


def test_cell_past_the_csv_modules_own_limit(tmp_path: Path) -> None:
    path = make(tmp_path, "x.csv", "text\n" + "x" * 500_000 + "\n")
    assert [len(document) for document in documents(open_corpus([path]))] == [500_000]


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="2 columns are called 'text'"):
        documents(open_corpus([make(tmp_path, "x.csv", "text,text\na,b\n")]))


@pytest.mark.parametrize("data", ["", "text\n", "\ufefftext"])
def test_table_without_rows(tmp_path: Path, data: str) -> None:
    assert documents(open_corpus([make(tmp_path, "x.csv", data)])) == []


def test_bad_bytes_in_csv(tmp_path: Path) -> None:
    path = make(tmp_path, "x.csv", b"id,text\n1,fine\n2,\xe9\xe2\x82\n\xff,x\n4,\xef\xbf\xbd\n")
    with pytest.raises(CorpusError, match=r"x.csv:3: byte 0xE9 at offset 2 of the line is not UTF-8"):
        documents(open_corpus([path]))
    for size in (1, 1000):
        replacing = open_corpus([path], errors="replace", keep_records=True, block_bytes=size)
        assert [tuple(row.values()) for row in records(replacing)] == [
            ("1", "fine"),
            ("2", "\ufffd\ufffd"),
            ("\ufffd", "x"),
            ("4", "\ufffd"),
        ]
        assert replacing.replaced == 2
        skipping = open_corpus([path], errors="skip", block_bytes=size)
        assert documents(skipping) == [b"fine", "\ufffd".encode()]
        assert skipping.skipped == 2


def test_bad_byte_in_a_cell_of_many_lines(tmp_path: Path) -> None:
    path = make(tmp_path, "x.csv", b'text\n"\xe2\x82\nmore\nlines"\nfine\n')
    corpus = open_corpus([path], errors="replace", block_bytes=1)
    assert documents(corpus) == ["\ufffd\nmore\nlines".encode(), b"fine"]
    assert corpus.replaced == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("kind", "header", "row"),
    [("jsonl", b"", b'{"text": "%d"}\n'), ("csv", b"text\n", b"%d\n"), ("tsv", b"text\n", b"%d\n")],
)
def test_slow_pipe_of_records_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch, kind: str, header: bytes, row: bytes
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        blocks = open_corpus(format=kind).blocks()
        os.write(writing, header + row % 1 + row % 2)
        assert list(next(blocks).documents()) == [b"1", b"2"]
        os.write(writing, row % 3)
        assert list(next(blocks).documents()) == [b"3"]
        os.close(writing)
        assert next(blocks, None) is None


# --- Parquet and Arrow


def columns(tmp_path: Path, **values: Any) -> str:
    pq.write_table(pa.table(values), tmp_path / "x.parquet", row_group_size=2)
    return str(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_every_kind_of_text_column(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["é", "", "b", "é", "long enough to lie outside of a view"]
    column = pa.array(texts, pa.string()).cast(kind) if kind != pa.binary() else pa.array([t.encode() for t in texts])
    data = pa.table({"text": column})
    with pa.ipc.new_file(tmp_path / "x.arrow", data.schema) as out:
        out.write_table(data)
    assert documents(open_corpus([str(tmp_path / "x.arrow")])) == [text.encode() for text in texts]


def test_null_is_named_by_its_record(tmp_path: Path) -> None:
    path = columns(tmp_path, text=["a", "b", "c", None])
    with pytest.raises(CorpusError, match=r"x.parquet: record 4: column 'text' is null"):
        documents(open_corpus([path]))


def test_records_are_counted_over_batches(tmp_path: Path) -> None:
    rows: list[Record] = [{"id": str(number), "text": "a" if number != 7 else None} for number in range(9)]
    write_arrow_file(tmp_path / "x.arrow", rows)
    with pytest.raises(CorpusError, match=r"x.arrow: record 8: column 'text' is null"):
        documents(open_corpus([str(tmp_path / "x.arrow")]))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_binary()])
def test_slice_of_a_column_keeps_its_place(kind: pa.DataType) -> None:
    data, bounds = parquet._buffers(pa.array(["one", "two", "three"]).cast(kind)[1:])
    assert [bytes(data[start:end]) for start, end in pairwise(bounds)] == [b"two", b"three"]


def test_column_of_numbers_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="column 'text' is int64, not text") as caught:
        documents(open_corpus([columns(tmp_path, text=[1], body=["a"])]))
    assert caught.value.hint == "text is in: body"


def test_bad_bytes_in_a_table(tmp_path: Path) -> None:
    raw = [b"ok", b"caf\xe9", b"\xc3", b"\xa9", b"end"]
    column = pa.array(raw, pa.binary()).view(pa.string())
    path = columns(tmp_path, text=column, id=[1, 2, 3, 4, 5])
    with pytest.raises(CorpusError, match=r"x.parquet: record 2: byte 0xE9 at offset 3 of the field is not UTF-8"):
        documents(open_corpus([path]))
    replacing = open_corpus([path], errors="replace", keep_records=True)
    expected = [each.decode("utf-8", "replace") for each in raw]
    assert records(replacing) == [{"text": text, "id": number} for number, text in enumerate(expected, start=1)]
    assert replacing.replaced == 3
    skipping = open_corpus([path], errors="skip", keep_records=True)
    assert records(skipping) == [{"text": "ok", "id": 1}, {"text": "end", "id": 5}]
    assert skipping.skipped == 3


def test_halves_of_a_character_are_not_utf8_though_their_sum_is(tmp_path: Path) -> None:
    path = columns(tmp_path, text=pa.array([b"\xc3", b"\xa9"], pa.binary()))
    with pytest.raises(CorpusError, match="record 1: byte 0xC3 at offset 0"):
        documents(open_corpus([path]))


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
@pytest.mark.parametrize("keep", [0, 3, 100])
def test_truncated_table_is_an_error(tmp_path: Path, name: str, keep: int) -> None:
    FORMATS[name](tmp_path / name, [{"id": "1", "text": "a"}] * 5)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:keep])
    with pytest.raises(CorpusError, match=f"{name}: cannot be read, it may be truncated"):
        documents(open_corpus([str(tmp_path / name)]))


def test_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = columns(tmp_path, text=["a"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="reading Parquet needs the extra 'data'"):
        documents(open_corpus([path]))


# --- MediaWiki

DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">
<siteinfo><sitename>Wikipedia</sitename></siteinfo>
<page><title>One</title><ns>0</ns><revision><text>'''One''' is a [[number|figure]].

== History ==
It is {{cite|old}}old.


Very.</text></revision></page>
<page><title>Uno</title><ns>0</ns><redirect title="One"/><revision><text>#REDIRECT [[One]]</text></revision></page>
<page><title>Talk:One</title><ns>1</ns><revision><text>Is it?</text></revision></page>
</mediawiki>"""


@needs_gensim
def test_articles_of_a_dump(tmp_path: Path) -> None:
    path = make(tmp_path, "dump.xml", DUMP)
    text = "One is a figure.\n\nHistory\nIt is old.\n\nVery."
    assert records(open_corpus([path], format="mediawiki", keep_records=True)) == [{"title": "One", "text": text}]


@needs_gensim
def test_broken_dump_is_an_error(tmp_path: Path) -> None:
    path = make(tmp_path, "dump.xml", DUMP[:300])
    with pytest.raises(CorpusError, match=r"dump.xml: broken XML"):
        documents(open_corpus([path], format="mediawiki"))
