"""Counts on disk: merging gives the counts of one pass, and counts of other pipelines are refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.program import Ran, assert_error, folder_bytes
from tokit.counts.counts_folder import load_counts
from tokit.errors import ArtifactError
from tokit.storage.folder import dump_json, read_json
from tokit.tokenizer import FAMILIES

Cli = Callable[..., Ran]


@pytest.fixture
def shards(corpus_file: Path, tmp_path: Path) -> list[Path]:
    """The lines of the corpus, shuffled over three files."""
    lines = corpus_file.read_bytes().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    paths = [tmp_path / f"shard-{i}.txt" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(b"".join(lines[i::3]))
    return paths


@pytest.mark.parametrize(
    "options", [[], ["--pre-tokenizer", "llama3", "--normalizer", "nfkc,lowercase", "--digits", "single"]]
)
def test_merged_counts_equal_one_pass(
    cli: Cli, corpus_file: Path, shards: list[Path], tmp_path: Path, options: list[str]
) -> None:
    assert cli("count", corpus_file, "-o", tmp_path / "whole", *options).code == 0
    for i, shard in enumerate(shards):
        assert cli("count", shard, "-o", tmp_path / str(i), *options).code == 0
    given = [word for i in range(3) for word in ("--counts", tmp_path / str(i))]
    assert cli("count", *given, "-o", tmp_path / "merged").code == 0
    assert folder_bytes(tmp_path / "merged") == folder_bytes(tmp_path / "whole")
    # The last shard as text, and its text pipeline taken from the counts.
    assert cli("count", shards[2], *given[:4], "-o", tmp_path / "added").code == 0
    assert folder_bytes(tmp_path / "added") == folder_bytes(tmp_path / "whole")


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        ("normalizers", ["--normalizer", "nfc"], []),
        ("pre_tokenizer", ["--pre-tokenizer", "qwen2"], ["--pre-tokenizer", "llama3"]),
        ("digits", [], ["--digits", "single"]),
    ],
)
def test_other_pipeline_is_refused(
    cli: Cli, english_file: Path, tmp_path: Path, rule: str, one: list[str], other: list[str]
) -> None:
    assert cli("count", english_file, "-o", tmp_path / "one", *one).code == 0
    assert cli("count", english_file, "-o", tmp_path / "other", *other).code == 0
    both = ("--counts", tmp_path / "one", "--counts", tmp_path / "other", "-o", tmp_path / "out")
    assert_error(cli("count", *both), 1, rule, str(tmp_path / "one"), str(tmp_path / "other"))
    assert_error(cli("train", "bpe", *both, "-v", "400"), 1, rule)
    asked = other or ["--normalizer", "nfd", "--pre-tokenizer", "bert", "--digits", "triple"]
    assert_error(
        cli("train", "bpe", "--counts", tmp_path / "one", "-o", tmp_path / "out", "-v", "400", *asked), 1, rule
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "entry",
    [
        {"pre_tokenizer": "gpt3"},
        {"pre_tokenizer": "regex:(a"},
        {"pre_tokenizer": ""},
        {"normalizers": ["nfx"]},
        {"digits": "double"},
    ],
    ids=str,
)
def test_a_damaged_pipeline_is_a_fault_of_the_folder(
    cli: Cli, english_file: Path, tmp_path: Path, entry: dict[str, Any]
) -> None:
    assert cli("count", english_file, "-o", tmp_path / "c").code == 0
    manifest = read_json(tmp_path / "c" / "tokit.json")
    manifest["pipeline"] |= entry
    dump_json(manifest, tmp_path / "c" / "tokit.json")
    ran = cli("train", "bpe", "--counts", tmp_path / "c", "-v", "400", "-o", tmp_path / "out")
    assert_error(ran, 1, str(tmp_path / "c"))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", r"(\w+)+$"])
def test_a_pattern_that_backtracks_is_an_error(cli: Cli, tmp_path: Path, pattern: str) -> None:
    (tmp_path / "a.txt").write_text("a" * 60 + "!\n", encoding="utf-8")
    for command in (("count",), ("train", "bpe", "-v", "300")):
        ran = cli(*command, tmp_path / "a.txt", "--pre-tokenizer", f"regex:{pattern}", "-o", tmp_path / "out")
        assert_error(ran, 1, "the pre-tokenizer fails on 'aaaa", "repeats")
    assert not (tmp_path / "out").exists()


def test_the_library_s_own_trace_is_not_shown(shell: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 60 + "!\n", encoding="utf-8")
    assert_error(
        shell("tokit count a.txt --pre-tokenizer 'regex:(a+)+$' -o out"), 1, "the pre-tokenizer fails on 'aaaa"
    )


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("unigram", "spm")])
def test_training_from_counts_gives_the_same_tokenizer(
    cli: Cli, corpus_file: Path, shards: list[Path], tmp_path: Path, family: str
) -> None:
    options = ["--pre-tokenizer", "bert"] if family == "wordpiece" else ["--pre-tokenizer", "gpt2"]
    for i, shard in enumerate(shards):
        assert cli("count", shard, "-o", tmp_path / str(i), *options).code == 0
    given = [word for i in range(3) for word in ("--counts", tmp_path / str(i))]
    assert cli("train", family, corpus_file, "-v", "2500", *options, "-o", tmp_path / "text").code == 0
    assert cli("train", family, *given, "-v", "2500", "-o", tmp_path / "counts").code == 0
    assert folder_bytes(tmp_path / "counts") == folder_bytes(tmp_path / "text")


def test_spm_trains_from_counts(cli: Cli, corpus_file: Path, tmp_path: Path) -> None:
    assert cli("count", corpus_file, "-o", tmp_path / "counts", "--pre-tokenizer", "metaspace").code == 0
    assert cli("train", "spm", corpus_file, "-v", "2500", "-o", tmp_path / "a").code == 0
    assert cli("train", "spm", "--counts", tmp_path / "counts", "-v", "2500", "-o", tmp_path / "b").code == 0
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    refused = cli("train", "spm", "--counts", tmp_path / "counts", "--model-type", "unigram", "-o", tmp_path / "c")
    assert_error(refused, 2, "trains on text")


@pytest.fixture
def counts(cli: Cli, english_file: Path, tmp_path: Path) -> Path:
    assert cli("count", english_file, "-o", tmp_path / "counts").code == 0
    return tmp_path / "counts"


def test_inspect_of_counts(cli: Cli, counts: Path, english_file: Path) -> None:
    artifact = load_counts(counts)
    data = english_file.read_bytes()
    assert artifact.corpus.documents == data.count(b"\n")
    assert artifact.corpus.bytes == len(data) - data.count(b"\n")
    text = "".join(word * count for word, count in artifact.counts.items())
    assert sorted(text.encode("utf-8")) == sorted(data.replace(b"\n", b""))


@pytest.mark.parametrize("name", ["words.bin", "ends.npy", "counts.npy"])
@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_damaged_counts_are_refused(cli: Cli, counts: Path, tmp_path: Path, name: str, damage: str) -> None:
    path = counts / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] if damage == "cut" else b"")
    with pytest.raises(ArtifactError):
        load_counts(counts)
    assert_error(cli("train", "bpe", "--counts", counts, "-o", tmp_path / "out"), 1, str(counts))


def falling(ends: np.ndarray) -> np.ndarray:
    return np.concatenate([ends[:-1][::-1], ends[-1:]])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(falling, "do not fit each other", id="falling"),
        pytest.param(lambda ends: ends.astype(str), "not int64", id="text"),
        pytest.param(lambda ends: ends[:, None], "its shape is", id="table"),
        pytest.param(lambda ends: ends / 2, "float64, not int64", id="fractions"),
        pytest.param(lambda ends: ends[-1], "its shape is", id="number"),
    ],
)
def test_invalid_ends_are_refused(counts: Path, damage: Callable[[np.ndarray], np.ndarray], message: str) -> None:
    np.save(counts / "ends.npy", damage(np.load(counts / "ends.npy")))
    with pytest.raises(ArtifactError, match=message):
        load_counts(counts)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda counts: counts.astype(np.int32), "int32, not int64", id="narrow"),
        pytest.param(lambda counts: counts.astype(np.uint64), "uint64, not int64", id="unsigned"),
        pytest.param(lambda counts: counts.astype(">i8"), ">i8, not int64", id="swapped"),
        pytest.param(lambda counts: counts.astype(np.float64), "float64, not int64", id="float"),
        pytest.param(lambda counts: counts.astype(str), "not int64", id="text"),
        pytest.param(lambda counts: -counts, "does not hold counts", id="negative"),
        pytest.param(lambda counts: counts - counts.min(), "does not hold counts", id="zero"),
    ],
)
def test_invalid_counts_are_refused(
    cli: Cli, counts: Path, tmp_path: Path, damage: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    np.save(counts / "counts.npy", damage(np.load(counts / "counts.npy")))
    assert_error(cli("train", "bpe", "--counts", counts, "-o", tmp_path / "out"), 1, str(counts), message)


def test_words_that_are_not_text_are_refused(counts: Path) -> None:
    data = (counts / "words.bin").read_bytes()
    (counts / "words.bin").write_bytes(b"\xff" + data[1:])
    with pytest.raises(ArtifactError, match="do not fit each other"):
        load_counts(counts)


def test_pickles_are_not_opened(counts: Path) -> None:
    np.save(counts / "ends.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError):
        load_counts(counts)


def test_tokenizer_is_no_counts(bpe_folder: Path) -> None:
    with pytest.raises(ArtifactError, match="holds a tokenizer, not counts"):
        load_counts(bpe_folder)
