"""Files of labeled text: columns, headers, and errors."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tokit.corpus.labeled import CLASSIFY, PAIRS, Columns, Example, check_labels, read_labeled
from tokit.errors import CorpusError, TokitError, UsageError


def read(
    tmp_path: Path, text: str, columns: Columns | None = None, name: str = "data.tsv"
) -> tuple[str, list[Example]]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    found = read_labeled([str(path)], columns or Columns())
    return found.task, found.examples


def test_two_columns_are_a_label_and_a_text(tmp_path: Path) -> None:
    task, examples = read(tmp_path, 'good\tit "is" , good\r\nbad\t"half a quote \n')
    assert task == "classify"
    assert examples == [Example(('it "is" , good',), ("good",)), Example(('"half a quote ',), ("bad",))]


def test_three_columns_are_a_pair_and_its_score(tmp_path: Path) -> None:
    task, examples = read(tmp_path, "a cat\ta dog\t2.5\n")
    assert (task, examples) == ("pairs", [Example(("a cat", "a dog"), ("2.5",))])


def test_tokens_and_tags_have_an_empty_line_between_sentences(tmp_path: Path) -> None:
    conll = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n# SYM O O\n\n\nPeter NNP B-NP B-PER\n"
    task, examples = read(tmp_path, conll, Columns("tokens"))
    assert task == "tokens"
    assert examples == [
        Example(("EU", "rejects", "#"), ("B-ORG", "O", "O")),
        Example(("Peter",), ("B-PER",)),
    ]
    _, chunks = read(tmp_path, conll, Columns("tokens", label="3"))
    assert chunks[0].labels == ("B-NP", "B-VP", "O")


def test_comments_of_conll_u_are_skipped(tmp_path: Path) -> None:
    text = "# text = Dogs run\n1\tDogs\tdog\tNOUN\n2\trun\trun\tVERB\n\n"
    _, examples = read(tmp_path, text, Columns("tokens", "4", ("2",)))
    assert examples == [Example(("Dogs", "run"), ("NOUN", "VERB"))]


@pytest.mark.parametrize(
    ("text", "name", "columns"),
    [
        ("id\tsentence\tlabel\n7\tthe sea\tgood\n", "data.tsv", Columns(None, "label", ("sentence",))),
        ("id\tsentence\tlabel\n7\tthe sea\tgood\n", "data.txt", Columns(None, "label", ("sentence",))),
        ('label,text\ngood,"the sea"\n', "data.csv", Columns()),
        ('{"text": "the sea", "label": "good"}\n', "data.jsonl", Columns()),
        ("7\tthe sea\tgood\n", "data.tsv", Columns("classify", "3", ("2",))),
        ("7\tthe sea\tgood\n", "data.tsv", Columns("classify", "-1", ("2",))),
    ],
)
def test_columns_are_given_by_number_or_name(tmp_path: Path, text: str, name: str, columns: Columns) -> None:
    assert read(tmp_path, text, columns, name) == ("classify", [Example(("the sea",), ("good",))])


def test_records_of_pairs_and_labels_that_are_numbers(tmp_path: Path) -> None:
    columns = Columns("pairs", "score", ("a", "b"))
    task, examples = read(tmp_path, '{"a": "x", "b": "y", "score": 2.5}\n', columns, "data.jsonl")
    assert (task, examples) == ("pairs", [Example(("x", "y"), ("2.5",))])


def test_compressed_files_and_several_of_them(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.tsv.gz").write_bytes(gzip.compress(f"l{number}\ttext\n".encode()))
    examples = read_labeled([str(tmp_path / "1.tsv.gz"), str(tmp_path / "2.tsv.gz")], Columns()).examples
    assert [example.labels for example in examples] == [("l1",), ("l2",)]


@pytest.mark.parametrize(
    ("text", "columns", "kind", "said"),
    [
        ("", Columns(), CorpusError, "no example"),
        ("good\ta\nbad\n", Columns(), CorpusError, "data.tsv:2: 1 column, but column 2 is needed"),
        ("good\ta\n\nbad\tb\n", Columns(), CorpusError, "data.tsv:2: an empty line"),
        ("good\ta\n \tb\n", Columns(), CorpusError, "data.tsv:2: an empty label or text"),
        ("a\tb\tc\td\n", Columns(), UsageError, "4 columns"),
        ("good\ta\n", Columns("clasify"), UsageError, "--task 'clasify'"),
        ("good\ta\n", Columns("classify", "0"), UsageError, "numbered from 1"),
        ("good\ta\n", Columns("pairs", "1", ("2",)), UsageError, "two --text columns"),
        ("word O\nword\n", Columns("tokens"), CorpusError, "data.tsv:2: one column"),
        ("label\ttext\ngood\ta\n", Columns(None, "lable", ("text",)), CorpusError, "no field 'lable'"),
        ("label\ttext\n\ta\n", Columns(None, "label", ("text",)), CorpusError, "'label' is empty"),
        ("good\ta\n", Columns("tokens", "tag", ("token",)), UsageError, "without names"),
    ],
)
def test_invalid_file_of_examples_is_named(
    tmp_path: Path, text: str, columns: Columns, kind: type[TokitError], said: str
) -> None:
    with pytest.raises(kind) as error:
        read(tmp_path, text, columns)
    assert said in error.value.message and error.value.hint


def test_text_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_bytes(b"good\ta\nbad\t\xff\n")
    with pytest.raises(CorpusError, match=r"data\.tsv:2"):
        read_labeled([str(tmp_path / "data.tsv")], Columns())
    examples = read_labeled([str(tmp_path / "data.tsv")], Columns(errors="skip")).examples
    assert len(examples) == 1


@pytest.mark.parametrize(
    ("text", "columns", "example"),
    [
        ("label\ttext\ngood\tsea\n", Columns(), Example(("sea",), ("good",))),
        ("Label\tSentence\r\ngood\tsea\r\n", Columns(), Example(("sea",), ("good",))),
        ("sentence\tlabel\nsea\tgood\n", Columns(None, "2", ("1",)), Example(("sea",), ("good",))),
        ("idx\tsentence\tlabel\n0\tsea\tgood\n", Columns("classify", "3", ("2",)), Example(("sea",), ("good",))),
        # Only the columns that are read count.
        ("genre\tlabel\ttext\nx\tgood\tsea\n", Columns("classify", "2", ("3",)), Example(("sea",), ("good",))),
        ("sentence1\tsentence2\tscore\nsea\tday\t0.5\n", Columns(), Example(("sea", "day"), ("0.5",))),
        ("TOKEN\tTAG\nsea\tO\n\n", Columns("tokens"), Example(("sea",), ("O",))),
        ("word pos ner\nsea NN O\n", Columns("tokens"), Example(("sea",), ("O",))),
    ],
)
def test_header_is_no_example(tmp_path: Path, text: str, columns: Columns, example: Example) -> None:
    assert read(tmp_path, text, columns)[1] == [example]


def test_each_file_may_have_a_header(tmp_path: Path) -> None:
    for name, header in (("a", "label\ttext\n"), ("b", "label\ttext\n"), ("c", "")):
        (tmp_path / f"{name}.tsv").write_text(f"{header}{name}\tsea\nlabel\ttext\n", encoding="utf-8")
    examples = read_labeled([str(tmp_path / f"{name}.tsv") for name in "abc"], Columns()).examples
    # Only the first line is one.
    assert [example.labels[0] for example in examples] == ["a", "label", "b", "label", "c", "label"]


@pytest.mark.parametrize("text", ["text\tthe sea\n", "good\ttext\n", "the label\tthe text\n"])
def test_line_with_other_words_is_no_header(tmp_path: Path, text: str) -> None:
    for task in ("classify", "tokens"):
        assert len(read(tmp_path, text, Columns(task))[1]) == 1


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("sentence\tlabel\nsea\tgood\n", Columns(), "column 1 should be the label, and the header names it 'sentence'"),
        ("sentence\tlabel\nsea\tgood\n", Columns(None, "2"), "column 2 should be the text"),
        ("idx\tsentence\tlabel\n7\tsea\tgood\n", Columns(), "column 1 should be the text"),
    ],
)
def test_header_that_names_other_columns_is_an_error(tmp_path: Path, text: str, columns: Columns, said: str) -> None:
    with pytest.raises(CorpusError) as error:
        read(tmp_path, text, columns)
    assert error.value.message.startswith(f"{tmp_path / 'data.tsv'}:1: ") and said in error.value.message
    assert "--label" in error.value.hint and "--text" in error.value.hint


@pytest.mark.parametrize(
    ("task", "count", "labels", "columns", "column"),
    [
        (CLASSIFY, 10, 6, Columns(), "column 1 "),
        (CLASSIFY, 10, 5, Columns(), None),
        (CLASSIFY, 9, 9, Columns(), None),
        (CLASSIFY, 25, 25, Columns(None, "2", ("1",)), "column 2 "),
        (CLASSIFY, 25, 25, Columns(format="csv"), "column label "),
        (PAIRS, 10, 6, Columns(), "column 3 "),
        (PAIRS, 10, 5, Columns(), None),
    ],
)
def test_texts_taken_for_labels_are_an_error(
    task: str, count: int, labels: int, columns: Columns, column: str | None
) -> None:
    examples = [Example(("sea",), (f"l{number % labels}",)) for number in range(count)]
    if column is None:
        check_labels(task, ["data.tsv"], columns, examples)
        return
    with pytest.raises(CorpusError) as error:
        check_labels(task, ["data.tsv"], columns, examples)
    assert column in error.value.message and f"{labels} labels in {count} examples" in error.value.message
    assert "--label" in error.value.hint and "--text" in error.value.hint


CONLLU = (
    "# text = vamonos\ta\n"
    "1-2\tvamonos" + "\t_" * 8 + "\n"
    "1\tvamos\tir\tVERB" + "\t_" * 6 + "\n"
    "2\tnos\tnosotros\tPRON" + "\t_" * 6 + "\n"
    "2.1\tx" + "\t_" * 8 + "\n\n"
)


def test_ranges_and_empty_nodes_of_conll_u_are_no_words(tmp_path: Path) -> None:
    (tmp_path / "es.conllu").write_text("\ufeff" + CONLLU, encoding="utf-8")
    found = read_labeled([str(tmp_path / "es.conllu")], Columns("tokens", "4", ("2",)))
    assert found.examples == [Example(("vamos", "nos"), ("VERB", "PRON"))] and found.skipped_lines == 2


def test_columns_of_conll_u_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the number of a word"):
        read(tmp_path, CONLLU, Columns("tokens"))


def test_words_that_look_like_ranges_stay_in_other_columns(tmp_path: Path) -> None:
    _, examples = read(tmp_path, "1-2\tNUM\n3.5\tNUM\n", Columns("tokens"))
    assert examples == [Example(("1-2", "3.5"), ("NUM", "NUM"))]
    # Ten columns whose first one is a word.
    wide = "".join(f"{word}" + "\t_" * 8 + "\tX\n" for word in ("1-2", "cats"))
    _, examples = read(tmp_path, wide, Columns("tokens"))
    assert examples == [Example(("1-2", "cats"), ("X", "X"))]


@pytest.mark.parametrize(
    ("text", "columns", "example"),
    [
        ("label\ttext\npos\tgood film\n", Columns(), Example(("good film",), ("pos",))),
        ("pos\tgood film\n", Columns(), Example(("good film",), ("pos",))),
        ("a\tb\t0.5\n", Columns(), Example(("a", "b"), ("0.5",))),
        ("John B-PER\n", Columns("tokens"), Example(("John",), ("B-PER",))),
        ("kind\ttext\npos\tgood film\n", Columns(None, "kind", ("text",)), Example(("good film",), ("pos",))),
    ],
)
def test_byte_order_mark_is_no_part_of_a_table(tmp_path: Path, text: str, columns: Columns, example: Example) -> None:
    for name in ("1.tsv", "2.tsv"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    paths = [str(tmp_path / name) for name in ("1.tsv", "2.tsv")]
    first, second = read_labeled(paths[:1], columns).examples, read_labeled(paths, columns).examples
    assert first == [example]
    assert [label for one in second for label in one.labels] == [*example.labels] * 2
