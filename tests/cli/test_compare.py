"""`tokit compare` from the command line: the table, JSON, CSV, what each column means, and what goes wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tokit
from tests.support.program import Ran, assert_error
from tests.support.texts import PARALLEL
from tokit.arrays import Block
from tokit.cli.compare import shown
from tokit.evaluation.tokenizer_metrics import METRICS
from tokit.ops.compare import _parts, short_names
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
COLUMNS = ["name", "family", "vocab_size", *[metric.name for metric in METRICS]]


@pytest.fixture(scope="module")
def folders(trained_folder: Callable[[str], Path]) -> list[Path]:
    return [trained_folder(name) for name in ("bpe", "word", "byte")]


@pytest.fixture(scope="module")
def bert_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT vocabulary of another tool."""
    path = tmp_path_factory.mktemp("bert") / "vocab.txt"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", *letters, *[f"##{letter}" for letter in letters]]
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return path


def test_own_and_foreign_tokenizers_in_one_table(cli: Cli, folders: list[Path], bert_vocabulary: Path) -> None:
    ran = cli("compare", *folders, bert_vocabulary, "-c", PARALLEL / "en.txt")
    head, *rows = [line.split() for line in ran.text.splitlines()]
    assert ran.code == 0 and len(set(map(len, rows))) == 1
    assert head[:3] == ["tokenizer", "family", "vocab"]
    assert [row[0] for row in rows] == ["bpe", "word", "byte", bert_vocabulary.parent.name]
    assert [row[1] for row in rows] == ["bpe", "word", "byte", "wordpiece"]
    assert "30 documents" in ran.err


def test_json_has_full_precision_and_agrees_with_the_tokenizers(cli: Cli, folders: list[Path]) -> None:
    text = (PARALLEL / "de.txt").read_text("utf-8")
    ran = cli("compare", *folders, "-c", PARALLEL / "de.txt", "--json")
    report = json.loads(ran.out)
    assert report["documents"] == 30 and report["words"] == len(text.split())
    assert report["bytes"] == len(text.replace("\n", "").encode("utf-8"))
    for row, folder in zip(report["tokenizers"], folders, strict=True):
        assert ["path", *COLUMNS] == sorted(row, key=["path", *COLUMNS].index)
        tokens = sum(len(load_tokenizer(folder).encode(line)) for line in text.splitlines())
        assert row["tokens"] == tokens
        assert row["bytes_per_token"] == report["bytes"] / tokens
        assert row["fertility"] == tokens / report["words"]
    byte = report["tokenizers"][2]
    assert byte["tokens"] == report["bytes"] and byte["lossless_share"] == 1.0


def test_csv_is_the_same_as_json(cli: Cli, folders: list[Path]) -> None:
    head, *rows = csv.reader(io.StringIO(cli("compare", *folders, "-c", PARALLEL / "fr.txt", "--csv").text))
    report = json.loads(cli("compare", *folders, "-c", PARALLEL / "fr.txt", "--json").out)
    assert head == COLUMNS
    untimed = len(COLUMNS) - 1
    assert [row[:untimed] for row in rows] == [
        [str(row[name]) for name in COLUMNS[:untimed]] for row in report["tokenizers"]
    ]
    assert all(float(row[-1]) > 0 for row in rows)


def test_standard_input_and_several_corpora(cli: Cli, folders: list[Path]) -> None:
    english, french = PARALLEL / "en.txt", PARALLEL / "fr.txt"
    piped = cli("compare", *folders, "--csv", stdin=english.read_bytes() + french.read_bytes())
    named = cli("compare", *folders, "--csv", "-c", english, "-c", french)
    assert [row.rpartition(",")[0] for row in piped.text.splitlines()] == [
        row.rpartition(",")[0] for row in named.text.splitlines()
    ]


def test_the_word_rule_changes_what_a_word_is(cli: Cli, bpe_folder: Path) -> None:
    runs = [
        json.loads(cli("compare", bpe_folder, "--words", rule, "--json", stdin=b"it's 3.5 km\n").out)
        for rule in ("whitespace", "letters")
    ]
    assert [run["words"] for run in runs] == [3, 5]


def test_explain_says_what_each_column_means(cli: Cli, bpe_folder: Path) -> None:
    alone = cli("compare", "--explain")
    assert "not comparable with the defaults of tokenization-scorer" in alone.text
    assert alone.code == 0 and alone.err == ""
    for metric in METRICS:
        assert f"{metric.heading}: {metric.definition}\n" in alone.text
    with_table = cli("compare", bpe_folder, "--explain", stdin=b"a b\n")
    assert with_table.text.endswith(alone.text)
    as_csv = cli("compare", bpe_folder, "--explain", "--csv", stdin=b"a b\n")
    assert len(as_csv.text.splitlines()) == 2 and alone.text in as_csv.err
    as_json = json.loads(cli("compare", bpe_folder, "--explain", "--json", stdin=b"a b\n").out)
    assert set(COLUMNS) < set(as_json["definitions"])


def test_a_broken_tokenizer_is_named_before_text_is_read(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    cut = tmp_path / "tokenizer.json"
    cut.write_bytes((bpe_folder / "tokenizer.json").read_bytes()[:1000])
    broken_text = tmp_path / "latin1.txt"
    broken_text.write_bytes(b"\xe9\n")
    assert_error(cli("compare", cut, cut, "-c", broken_text), 1, str(cut))
    ran = cli("compare", bpe_folder, cut, "-c", PARALLEL / "en.txt")
    assert ran.code == 1 and str(cut) in ran.err and "bpe" in ran.text
    assert_error(cli("compare", bpe_folder, tmp_path / "nothing", "-c", broken_text), 1, "nothing")
    assert "latin1.txt:1" in cli("compare", bpe_folder, "-c", broken_text).err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--words", "leters"], 2, "did you mean 'letters'?"),
        (["--json", "--csv"], 2, "exclude each other"),
        (["-c", "/dev/null"], 1, "the corpus is empty"),
    ],
)
def test_mistakes(cli: Cli, bpe_folder: Path, options: list[str], code: int, said: str) -> None:
    assert_error(cli("compare", bpe_folder, *options), code, said)


def test_no_tokenizer_is_a_usage_error(cli: Cli) -> None:
    assert_error(cli("compare", stdin=b"a\n"), 2, "no tokenizer to compare")


def test_text_that_is_not_utf8_is_warned_of(cli: Cli, bpe_folder: Path) -> None:
    ran = cli("compare", bpe_folder, "--json", "--errors", "skip", stdin=b"a\n\xff\nb\n")
    report = json.loads(ran.out)
    assert (report["documents"], report["skipped"]) == (2, 1) and "warning: 1 document" in ran.err


def test_compare_from_python(bpe_folder: Path) -> None:
    report = tokit.compare_tokenizers(tokit.open_corpus([str(PARALLEL / "ja.txt")]), [bpe_folder])
    assert report.tokenizers[0].values["lossless_share"] == 1.0


def test_a_sentencepiece_model_is_measured(cli: Cli, trained_folder: Callable[[str], Path]) -> None:
    """In its own library it has the figures of the tokenizer.json that it was rewritten as."""
    folder = trained_folder("spm")
    (model,) = folder.glob("*.model")
    report = json.loads(cli("compare", folder, model, "-c", PARALLEL / "en.txt", "--json").out)
    own, foreign = report["tokenizers"]
    same = ("vocab_size", "tokens", "fertility", "whole_words", "unknown_rate", "vocabulary_used", "renyi_efficiency")
    assert {name: own[name] for name in same} == {name: foreign[name] for name in same}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["toks/bpe", "word/"], ["bpe", "word"]),
        (["a/8000", "b/8000", "b/16000"], ["a/8000", "b/8000", "16000"]),
        (["x/a/t", "y/a/t", "y/b/t"], ["x/a/t", "y/a/t", "b/t"]),
        (["hf/qwen3/tokenizer.json", "bert/vocab.txt", "m.model"], ["qwen3", "bert", "m.model"]),
        (["gpt2/vocab.json", "gpt2"], ["gpt2", "gpt2 (2)"]),
        (["tok", "./tok"], ["tok", "tok (2)"]),
    ],
)
def test_short_names(paths: list[str], names: list[str]) -> None:
    assert short_names(paths) == names


@pytest.mark.parametrize("size", [1, 3, 100])
def test_parts_hold_every_document_once(size: int) -> None:
    documents = [b"a", b"", b"bcdef", b"gh", b"", b"i", b""]
    parts = list(_parts(Block.of(documents), size))
    assert [document for part in parts for document in part.documents()] == documents
    assert all(len(part) == 1 or len(part.data) <= size for part in parts)


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (1234567, "count", "1,234,567"),
        (4.31249, "ratio", "4.312"),
        (1.0, "fraction", "100.0%"),
        (0.99999, "fraction", ">99.9%"),
        (0.9994, "fraction", "99.9%"),
        (0.00001, "fraction", "<0.1%"),
        (0.0, "fraction", "0.0%"),
        (2.345, "speed", "2.35"),
        (None, "ratio", "-"),
    ],
)
def test_values_are_not_rounded_to_all_or_none(value: float | None, style: str, text: str) -> None:
    assert shown(value, style) == text  # type: ignore[arg-type]


def test_few_tokens_for_a_bad_reason_are_marked(
    cli: Cli, trained_folder: Callable[[str], Path], bpe_folder: Path
) -> None:
    text = b"zyxwv utsrq the ponml kjihg\n"
    ran = cli("compare", trained_folder("word"), bpe_folder, stdin=text)
    word, bpe = (next(line for line in ran.text.splitlines() if line.startswith(name)) for name in ("word", "bpe"))
    assert word.count("*") == 3 and "*" not in bpe
    assert "warning: word: 80.0% of its tokens are unknown" in ran.err and "warning: bpe" not in ran.err
    # For programs, values alone.
    assert "*" not in cli("compare", trained_folder("word"), "--csv", stdin=text).text
