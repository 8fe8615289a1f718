"""Labeled records: columns by number, tables without a header, and bad examples that are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokit.corpus.labeled import Columns, Example, LabeledText, read_labeled
from tokit.errors import CorpusError, TokitError, UsageError

CSV = "id,sentence,mood\n7,the sea,good\n8,a day,bad\n"
BARE_CSV = '"3","Wall St. falls","Short sellers"\n"4","Carlyle, up","Private"\n'
EXAMPLES = [Example(("the sea",), ("good",)), Example(("a day",), ("bad",))]


def read(tmp_path: Path, text: str, columns: Columns, name: str) -> LabeledText:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return read_labeled([str(path)], columns)


@pytest.mark.parametrize(
    ("text", "name", "columns"),
    [
        (CSV, "a.csv", Columns(label="3", texts=("2",))),
        (CSV, "a.csv", Columns(label="-1", texts=("sentence",))),
        (CSV, "a.csv", Columns(label="mood", texts=("-2",))),
        (CSV.replace(",", "\t"), "a.tsv", Columns(label="mood", texts=("2",))),
        (CSV.replace(",", "\t"), "a.tsv", Columns(label="3", texts=("2",), format="tsv-quoted")),
        (CSV.partition("\n")[2], "a.csv", Columns(label="3", texts=("2",), header=False)),
        (",,text,,\n,,the sea,,good\n,,a day,,bad\n", "a.csv", Columns(label="5", texts=("3",))),
        (CSV.partition("\n")[2], "a.csv", Columns(label="-1", texts=("-2",), header=False)),
        ("good,the sea\nbad,a day\n", "a.csv", Columns(header=False)),
        ('good\t"the sea"\nbad\ta day\n', "a.tsv", Columns(header=False, format="tsv-quoted")),
        (
            '{"m":{"t":"the sea","l":"good"}}\n{"m":{"t":"a day","l":"bad"}}\n',
            "a.jsonl",
            Columns(label="m.l", texts=("m.t",)),
        ),
    ],
)
def test_columns_have_numbers_in_every_table(tmp_path: Path, text: str, name: str, columns: Columns) -> None:
    assert read(tmp_path, text, columns, name).examples == EXAMPLES


def test_first_row_of_a_bare_table_is_an_example(tmp_path: Path) -> None:
    found = read(tmp_path, BARE_CSV, Columns(label="1", texts=("2",), header=False), "ag.csv")
    assert found.examples == [Example(("Wall St. falls",), ("3",)), Example(("Carlyle, up",), ("4",))]
    # Without a header not even usual names are one.
    found = read(tmp_path, "label\ttext\ngood\tsea\n", Columns(header=False), "a.tsv")
    assert [example.labels for example in found.examples] == [("label",), ("good",)]


def test_pairs_of_a_bare_table(tmp_path: Path) -> None:
    found = read(tmp_path, "a cat,a dog,2.5\n", Columns("pairs", header=False), "a.csv")
    assert found.examples == [Example(("a cat", "a dog"), ("2.5",))]


@pytest.mark.parametrize(
    ("text", "columns", "name", "error", "said", "hint"),
    [
        (CSV, Columns(label="mod", texts=("2",)), "a.csv", CorpusError, "no field 'mod'", "mood"),
        (CSV, Columns(label="9", texts=("2",)), "a.csv", CorpusError, "no field '9'", "--label"),
        (CSV, Columns(label="3", texts=("zzz",)), "a.csv", CorpusError, "no field 'zzz'", "--text"),
        ('{"text":"a","label":"b"}\n', Columns(label="zz"), "a.jsonl", CorpusError, "no field 'zz'", "--label"),
        ('{"text":"a","label":"b"}\n', Columns(label="2"), "a.jsonl", CorpusError, "no field '2'", "--label"),
        ("3,1,a\n4,2,b\n", Columns(label="3", texts=("2",)), "a.csv", CorpusError, "number of another", "--no-header"),
        (BARE_CSV, Columns(header=False), "a.csv", UsageError, "3 columns, and none is named", "--label 1 --text 3"),
        (
            "x,x,y\na,b,c\n",
            Columns(label="1", texts=("3",)),
            "a.csv",
            CorpusError,
            "are called 'x'",
            "rename",
        ),
    ],
)
def test_hints_name_the_options_of_the_command(
    tmp_path: Path, text: str, columns: Columns, name: str, error: type[TokitError], said: str, hint: str
) -> None:
    with pytest.raises(error) as caught:
        read(tmp_path, text, columns, name)
    assert said in caught.value.message and hint in caught.value.hint and "--field" not in caught.value.hint


@pytest.mark.parametrize(
    ("text", "name", "columns", "reasons"),
    [
        (
            '{"text":"the sea","label":"good"}\n{"text":null,"label":"x"}\n{"text":"a"}\n{"text":"a","label":null}\n'
            '{"text":"a"\n{"text":"a day","label":"bad"}\n',
            "a.jsonl",
            Columns(errors="skip"),
            {"null": 1, "missing field": 1, "empty label or text": 1, "broken JSON": 1},
        ),
        (
            "label,text\ngood,the sea\n,x\nbad,a,day\nbad,a day\n",
            "a.csv",
            Columns(errors="skip"),
            {"empty label or text": 1, "row of another length": 1},
        ),
        (
            "good\tthe sea\n\nx\n \ty\nbad\ta day\n",
            "a.tsv",
            Columns(errors="skip"),
            {"empty line": 1, "too few columns": 1, "empty label or text": 1},
        ),
    ],
)
def test_bad_examples_are_counted_by_reason(
    tmp_path: Path, text: str, name: str, columns: Columns, reasons: dict[str, int]
) -> None:
    found = read(tmp_path, text, columns, name)
    assert (found.examples, found.skip_reasons) == (EXAMPLES, reasons)


def test_file_of_bad_examples_alone(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"all records were skipped: missing field \(1\)"):
        read(tmp_path, '{"text":"a"}\n', Columns(errors="skip"), "a.jsonl")
