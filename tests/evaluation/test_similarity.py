"""Word measures, held against scipy, gensim and slow searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.support.packages import file_of_gensim, needs_gensim
from tokit.errors import CorpusError
from tokit.evaluation.analogy import EPSILON, METHODS, solve
from tokit.evaluation.bootstrap import interval, mean_of_drawn, resampled
from tokit.evaluation.similarity import cosines, resampled_spearman
from tokit.evaluation.task_files import AnalogyQuestions, RatedPairs, read_task

if TYPE_CHECKING:
    from gensim.models import KeyedVectors


def keyed(words: tuple[str, ...], dim: int = 12, extra: int = 0) -> KeyedVectors:
    """Random vectors for the words, and for others that are no task's."""
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(dim)
    names = [*words, *[f"other{i}" for i in range(extra)]]
    vectors.add_vectors(names, np.random.default_rng(1).normal(size=(len(names), dim)).astype(np.float32))
    return vectors


def unit(vectors: KeyedVectors) -> np.ndarray:
    return vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)


@needs_gensim
@pytest.mark.parametrize("name", ["wordsim353.tsv", "simlex999.txt"])
def test_spearman_of_a_data_set_is_gensims(name: str) -> None:
    path = file_of_gensim(name)
    task = read_task(path, "pairs")
    assert isinstance(task, RatedPairs)
    vectors = keyed(task.words)
    _, expected, _ = vectors.evaluate_word_pairs(str(path), case_insensitive=False)
    ours = resampled_spearman(
        task.scores, cosines(task.items, unit(vectors)), np.ones((1, len(task.items)), dtype=np.int64)
    )
    assert ours[0] == pytest.approx(expected.statistic, abs=1e-5)


@needs_gensim
def test_analogies_of_a_data_set_are_gensims(tmp_path: Path) -> None:
    lines = file_of_gensim("questions-words.txt").read_text("utf-8").splitlines()
    # Every section, a sixtieth of it: gensim takes a second for some hundred questions.
    path = tmp_path / "some.txt"
    path.write_text("\n".join(line for i, line in enumerate(lines) if line.startswith(":") or i % 60 == 0))
    task = read_task(path, "analogies")
    assert isinstance(task, AnalogyQuestions)
    vectors = keyed(task.words, dim=4, extra=500)
    # The answers are made good ones, mostly: random vectors solve nothing.
    draw = np.random.default_rng(2)
    for a, b, c, d in task.items:
        vectors.vectors[d] = vectors.vectors[b] - vectors.vectors[a] + vectors.vectors[c] + draw.normal(size=4) * 0.6
    vectors.fill_norms(force=True)
    expected, sections = vectors.evaluate_word_analogies(str(path), case_insensitive=False)
    right = solve(task.items[:, :3], unit(vectors), task.items[:, :3]) == task.items[:, 3]
    assert right.mean() == pytest.approx(expected)
    assert 0.02 < expected < 0.98
    for number, name in enumerate(task.sections):
        (theirs,) = [each for each in sections if each["section"] == name]
        assert right[task.section_of == number].sum() == len(theirs["correct"])


@given(
    pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12),
    data=st.data(),
)
def test_spearman_of_drawn_pairs_is_scipys(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    left, right = np.array(pairs, dtype=np.float64).T
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs))))
    one, two = np.repeat(left, counts), np.repeat(right, counts)
    ours = resampled_spearman(left, right, counts[None])[0]
    if len(set(one)) < 2 or len(set(two)) < 2:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(stats.spearmanr(one, two).statistic)


def test_spearman_of_nothing_is_nan() -> None:
    nothing = np.zeros(0)
    assert np.isnan(resampled_spearman(nothing, nothing, np.ones((2, 0), dtype=np.int64))).all()


@pytest.mark.parametrize("method", list(METHODS))
def test_solving_is_a_slow_search(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Few at a time, so that the work comes in several parts.
    monkeypatch.setattr("tokit.evaluation.analogy.AT_ONCE", 100)
    draw = np.random.default_rng(3)
    table = draw.normal(size=(30, 5)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    questions = draw.integers(30, size=(40, 3))
    ours = solve(questions, table, questions, method=method)
    for (a, b, c), best in zip(questions, ours, strict=True):
        scores = {}
        for row in set(range(30)) - {a, b, c}:
            to_a, to_b, to_c = (float(table[row] @ table[i]) for i in (a, b, c))
            if method == "3cosadd":
                scores[row] = to_b - to_a + to_c
            else:
                scores[row] = (to_b + 1) * (to_c + 1) / 4 / ((to_a + 1) / 2 + EPSILON)
        assert best == max(scores, key=lambda row: scores[row])


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(4).normal(size=2000)
    drawn = resampled([lambda counts: counts @ values / counts.sum(axis=1)], len(values), 1000, 0)[0]
    found = interval(drawn)
    assert found is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * values.std() / 2000**0.5, rel=0.1)
    assert found.low < values.mean() < found.high


def test_draws_are_the_seeds_and_the_same_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(counts: np.ndarray) -> np.ndarray:
        assert (counts.sum(axis=1) == 7).all()
        return counts[:, 0].astype(np.float64)

    one, two = resampled([first, first], 7, 50, 5)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, resampled([first], 7, 50, 6)[0])
    # However many are drawn at a time.
    monkeypatch.setattr("tokit.evaluation.bootstrap.AT_ONCE", 20)
    np.testing.assert_array_equal(one, resampled([first], 7, 50, 5)[0])


def test_runs_are_drawn_too() -> None:
    values = np.array([[0.0] * 500, [1.0] * 500])
    mean = mean_of_drawn(values, np.random.default_rng(0))
    assert set(mean) == {0, 0.5, 1}
    np.testing.assert_array_equal(mean_of_drawn(values[1:], np.random.default_rng(0)), values[1])


def test_no_number_no_interval() -> None:
    assert interval(np.array([np.nan])) is None


@pytest.mark.parametrize(
    "text",
    [
        "a,b,1\nc,d,2.5\n",
        "word1,word2,similarity\r\na,b,1\r\nc,d,2.5\r\n",
        ",word1,word2,similarity\n0,a,b,1\n1,c,d,2.5\n",
        "# a comment\n\na\tb\t1\nc\td\t2.5",
        "a b 1\nc d 2.5\n",
        "\ufeffa;b;1\nc;d;2.5\n",
        'word1,word2,similarity\n"a","b",1\n"c","d",2.5\n',
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\na\tb\tA\t1\t9\nc\td\tN\t2.5\t8\n",
        "a-n,b-v,1\nc-j,d-n,2.5\n",
    ],
)
def test_pairs_come_in_many_forms(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pairs"
    path.write_text(text, encoding="utf-8", newline="")
    task = read_task(path, "pairs")
    assert isinstance(task, RatedPairs)
    assert task.words == ("a", "b", "c", "d")
    assert task.items.tolist() == [[0, 1], [2, 3]]
    assert task.scores.tolist() == [1, 2.5]


def test_a_suffix_stays_where_not_every_word_has_one(tmp_path: Path) -> None:
    (tmp_path / "pairs").write_text("add-n,b,1\na-n,b-n,2\n")
    assert read_task(tmp_path / "pairs", "pairs").words == ("add-n", "b", "a-n", "b-n")


@pytest.mark.parametrize("text", [": one\na b c d\n: two\na c b d\n", "a b c d\na c b d\n"])
def test_four_words_a_line_are_analogies(tmp_path: Path, text: str) -> None:
    (tmp_path / "questions").write_text(text)
    task = read_task(tmp_path / "questions", "questions")
    assert isinstance(task, AnalogyQuestions)
    assert task.items.tolist() == [[0, 1, 2, 3], [0, 2, 1, 3]]
    assert [task.sections[i] for i in task.section_of] == (["one", "two"] if ":" in text else ["", ""])


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no pair in it"),
        (b"# only this\n\n", "no pair in it"),
        (b"word1,word2,score\n", "no pair in it"),
        (b": one\n", "no analogy in it"),
        (b"a,b,1\nc\rd,e,2\n", ":2: no pair with a score"),
        (b"a,b,1\nc,d\n", ":2: no pair with a score"),
        (b"a b 1\nc d nan\n", ":2: no pair with a score"),
        (b": one\na b c d\na b c\n", ":3: 3 words where an analogy has four"),
        (b"a b 1\nc \xff 2\n", ":2: byte 8 is not UTF-8"),
    ],
)
def test_a_file_of_another_form_is_an_error(tmp_path: Path, data: bytes, part: str) -> None:
    path = tmp_path / "task"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=part) as caught:
        read_task(path, "task")
    assert str(path) in caught.value.message
    assert caught.value.hint
