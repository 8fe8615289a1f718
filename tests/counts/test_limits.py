"""Counting in bounded memory: exact while nothing is forgotten, and off by at most the shortfall."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokit.counts.kernel_counter
from tests.support.engines import engine
from tests.support.program import Ran, assert_error, folder_bytes
from tokit.arrays import Block
from tokit.counts.counter import PreTokenCounter
from tokit.counts.counts_folder import load_counts
from tokit.counts.limits import EXACT, Shortfall, WordLimits
from tokit.errors import CorpusError
from tokit.runtime.memory import free_memory
from tokit.text.pipeline import TextPipeline

Cli = Callable[..., Ran]
PIPELINE = TextPipeline(pre_tokenizer="whitespace-split")
# Words of every length that the tables keep apart, and a skew like that of text.
WORDS = [prefix + str(number) for prefix in ("w", "längeres", "ein-sehr-langes-Wort-") for number in range(12)]
BLOCKS = st.lists(st.lists(st.sampled_from(WORDS + 3 * WORDS[:5]), min_size=1, max_size=30), min_size=1, max_size=8)


def counted(blocks: list[list[str]], limits: WordLimits) -> PreTokenCounter:
    counter = PreTokenCounter(PIPELINE, limits)
    for words in blocks:
        counter.add(Block.of([" ".join(words).encode("utf-8")]))
        # The library's table is checked when stretches are pre-tokenized.
        counter._by_library.counts()
    return counter


def assert_within(found: dict[str, int], exact: dict[str, int], shortfall: Shortfall) -> None:
    for word, count in exact.items():
        if word in found:
            assert count - shortfall.listed <= found[word] <= count
        else:
            assert count <= shortfall.missing
    assert set(found) <= set(exact)


@pytest.mark.parametrize("by", ["kernels", "reference"])
@settings(max_examples=150)
@given(blocks=BLOCKS, most=st.integers(1, 40))
def test_error_of_counts_is_at_most_the_shortfall(by: str, blocks: list[list[str]], most: int) -> None:
    exact = Counter(word for words in blocks for word in words)
    with engine(by):
        counter = counted(blocks, WordLimits(most, forgets=True))
        found = dict(counter.counts().items())
    assert_within(found, exact, counter.shortfall)
    assert (counter.shortfall == EXACT) == (found == exact)
    if len(exact) <= most:
        assert found == exact


@pytest.mark.parametrize("by", ["kernels", "reference"])
def test_min_frequency_keeps_frequent_words(by: str) -> None:
    """Many words that occur once go by, and what occurs throughout is counted all the same."""
    blocks = [["common", "common", "usual", *(f"once{i}-{k}" for k in range(100))] for i in range(50)]
    with engine(by):
        counter = counted(blocks, WordLimits(200, forgets=True))
        found = dict(counter.counts().items())
    assert 0 < counter.shortfall.listed <= 50
    assert found["common"] == 100
    assert len(found) <= 200


@pytest.mark.parametrize("by", ["kernels", "reference"])
def test_full_table_stops_counting_unless_it_may_forget(by: str) -> None:
    with engine(by), pytest.raises(CorpusError, match="more distinct words than --max-words 5: 6 by now"):
        counted([["a", "b", "c", "d", "e"], ["f"]], WordLimits(5))


def test_free_memory_limits_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokit.counts.kernel_counter, "FIRST_SLOTS", 1 << 6)
    rng = np.random.default_rng(0)
    blocks = [[f"word-number-{number}" for number in rng.zipf(1.3, 400) if number < 10**9] for _ in range(40)]
    exact = Counter(word for words in blocks for word in words)
    with engine("kernels"):
        with pytest.raises(CorpusError, match="more distinct words than fit in memory"):
            counted(blocks, WordLimits(free_memory=lambda: 1 << 18))
        counter = counted(blocks, WordLimits(forgets=True, free_memory=lambda: 1 << 18))
        assert counter.shortfall != EXACT
        assert_within(dict(counter.counts().items()), exact, counter.shortfall)
        assert dict(counted(blocks, WordLimits(free_memory=lambda: 1 << 30)).counts().items()) == exact


def test_table_of_one_word_reports_its_shortfall() -> None:
    with engine("kernels"):
        counter = counted([["a", "b"], ["a", "a", "c"]], WordLimits(1, forgets=True))
        assert_within(dict(counter.counts().items()), {"a": 3, "b": 1, "c": 1}, counter.shortfall)


def test_free_memory_is_positive() -> None:
    free = free_memory()
    assert free is None or free > 1 << 20


@pytest.mark.parametrize("least", [1, 2, 5])
def test_nothing_forgotten_is_the_exact_counts(cli: Cli, english_file: Path, tmp_path: Path, least: int) -> None:
    assert cli("count", english_file, "-o", tmp_path / "all").code == 0
    ran = cli("count", english_file, "-o", tmp_path / "some", "--min-frequency", least)
    assert (ran.code, "warning" in ran.err) == (0, False)
    exact, found = (load_counts(tmp_path / name) for name in ("all", "some"))
    assert found.counts.items() == [(word, count) for word, count in exact.counts.items() if count >= least]
    assert found.shortfall == Shortfall(0, least - 1)
    if least == 1:
        assert folder_bytes(tmp_path / "all") == folder_bytes(tmp_path / "some")


def test_report_and_manifest_hold_the_shortfall(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(english_file.read_bytes() * 400)
    assert cli("count", text, "-o", tmp_path / "all", "--threads", "1").code == 0
    limits = ("--min-frequency", "2", "--max-words", "100", "--threads", "1")
    ran = cli("count", text, "-o", tmp_path / "some", *limits, "--json")
    report = json.loads(ran.text)
    assert ran.code == 0 and report["shortfall"] > 0
    assert f"counts may be too low by up to {report['shortfall']:,}," in ran.err
    found = load_counts(tmp_path / "some")
    assert found.shortfall == Shortfall(report["shortfall"], report["missing_up_to"])
    assert_within(dict(found.counts.items()), dict(load_counts(tmp_path / "all").counts.items()), found.shortfall)


def test_more_words_than_allowed_is_an_error_with_a_hint(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    ran = cli("count", english_file, "-o", tmp_path / "counts", "--max-words", "50")
    assert_error(ran, 1, "more distinct words than --max-words 50", "--min-frequency 2")
    assert not (tmp_path / "counts").exists()


def test_shortfall_of_merged_counts(cli: Cli, tmp_path: Path) -> None:
    for name, text in (("one", "a a a b\n"), ("two", "b b b b c\n")):
        (tmp_path / f"{name}.txt").write_text(text)
        options = ("--min-frequency", "2", "--pre-tokenizer", "whitespace")
        assert cli("count", tmp_path / f"{name}.txt", "-o", tmp_path / name, *options).code == 0
    assert cli("count", "--counts", tmp_path / "one", "--counts", tmp_path / "two", "-o", tmp_path / "both").code == 0
    both = load_counts(tmp_path / "both")
    assert both.counts.items() == [("a", 3), ("b", 4)]
    assert both.shortfall == Shortfall(1, 2)
    more = ("--counts", tmp_path / "both", "-o", tmp_path / "frequent", "--min-frequency", "4")
    assert cli("count", *more).code == 0
    frequent = load_counts(tmp_path / "frequent")
    assert (frequent.counts.items(), frequent.shortfall) == ([("b", 4)], Shortfall(1, 4))
