"""Neighbors and analogies, held against a slow search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from tests.support.packages import needs_gensim
from tokit.embedding import nearest
from tokit.embedding.embedding_folder import StaticEmbedding
from tokit.embedding.nearest import Neighborhood, Request
from tokit.embedding.words.query import WordQuery, check_k
from tokit.embedding.words.results import CombinedWords
from tokit.embedding.words.word_space import UnknownWordError, WordSpace
from tokit.errors import UsageError
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

DRAW = np.random.default_rng(0)
WORDS = {"king": (3, 4), "Ġking": (3, 3.9), "queen": (4, 3), "man": (0, 2), "woman": (1, 1), "far": (-1, 0)}
PLANE = {**WORDS, "q": (3, 4), "r": (1, -1)}
NAMES = ["<|pad|>", *PLANE, "never", "Ġ", *"kingquemawofrv"]
VOCAB = {name: i for i, name in enumerate(dict.fromkeys(NAMES))}


@given(
    vectors=st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=12),
    query=st.tuples(*[st.integers(-2, 2)] * 3),
    k=st.integers(1, 5),
    data=st.data(),
)
def test_nearest_are_those_of_a_slow_search(
    vectors: list[tuple[int, ...]], query: tuple[int, ...], k: int, data: st.DataObject
) -> None:
    table = np.array(vectors, dtype=np.float32)
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table))))
    exclude = data.draw(st.lists(st.integers(0, len(table) - 1), max_size=3))
    vector = np.array(query, dtype=np.float32)
    ids, cosines = Neighborhood(table, allowed).nearest(vector, k, exclude)
    scored = []
    for i, row in enumerate(table):
        if allowed[i] and row.any() and i not in exclude:
            scored.append((np.dot(row, vector) / (np.linalg.norm(row) * max(np.linalg.norm(vector), 1e-9)), i))
    best = sorted(scored, key=lambda pair: -pair[0])[:k]
    np.testing.assert_allclose(cosines, [cosine for cosine, _ in best], atol=1e-6)
    assert set(ids.tolist()) <= {i for _, i in scored}
    assert len(set(ids.tolist())) == len(best)


GENSIM_K = 7


def signed_words(data: st.DataObject, size: int) -> tuple[list[int], list[int]]:
    words = st.lists(st.integers(0, size - 1), min_size=2, max_size=5, unique=True)
    drawn = data.draw(words)
    plus = data.draw(st.integers(1, len(drawn)))
    return drawn[:plus], drawn[plus:]


@needs_gensim
# What it calls itself is deprecated.
@pytest.mark.filterwarnings("ignore:Call to deprecated .init_sims:DeprecationWarning")
@pytest.mark.parametrize("size", [20, 5000])
@settings(max_examples=20)
@given(data=st.data(), seed=st.integers(0, 5))
def test_signed_words_have_the_neighbors_that_gensim_finds(size: int, data: st.DataObject, seed: int) -> None:
    from gensim.models import KeyedVectors

    table = np.random.default_rng(seed).normal(size=(size, 8)).astype(np.float32)
    vectors = KeyedVectors(8)
    vectors.add_vectors([str(i) for i in range(size)], table)
    vectors.fill_norms(force=True)
    neighborhood = Neighborhood(table, np.ones(size, dtype=np.bool_))
    queries = [signed_words(data, size) for _ in range(data.draw(st.integers(1, 4)))]
    requests = [Request(table[plus], table[minus], (*plus, *minus)) for plus, minus in queries]
    sums, products = (list(search(requests, GENSIM_K)) for search in (neighborhood.by_sum, neighborhood.by_product))
    for (plus, minus), added, multiplied in zip(queries, sums, products, strict=True):
        words = {"positive": list(map(str, plus)), "negative": list(map(str, minus)), "topn": GENSIM_K}
        for found, expected in (
            (added, vectors.most_similar(**words)),
            (multiplied, vectors.most_similar_cosmul(**words)),
        ):
            assert [str(i) for i in found[0].tolist()] == [word for word, _ in expected]
            np.testing.assert_allclose(found[1], [score for _, score in expected], rtol=1e-4, atol=1e-6)


@given(k=st.integers(1, 1200), columns=st.sampled_from([3, 1023, 2047, 2048, 2500, 5000]), seed=st.integers(0, 3))
def test_blocks_and_groups_lose_no_neighbor(k: int, columns: int, seed: int) -> None:
    # Many are equal, so that their order is told by ids alone.
    table = np.random.default_rng(seed).integers(-2, 3, size=(columns, 3)).astype(np.float32)
    neighborhood = Neighborhood(table, np.ones(columns, dtype=np.bool_))
    requests = [Request(table[i : i + 1], table[:0], (i,)) for i in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "SCORES_AT_ONCE", 2 * columns)
        found = list(neighborhood.by_sum(requests, k))
    lengths = np.linalg.norm(table, axis=1)
    rest = [i for i in range(columns) if lengths[i]]
    for number, (ids, scores) in enumerate(found):
        others = [i for i in rest if i != number]
        assert len(ids) == min(k, len(others))
        length = max(float(lengths[number]), 1e-9)
        cosines = table[others] @ table[number] / (lengths[others] * length)
        np.testing.assert_allclose(scores, np.sort(cosines)[::-1][:k], atol=1e-6)
        assert len(set(ids.tolist())) == len(ids)


def test_equal_ones_come_by_id() -> None:
    table = np.ones((5, 2), dtype=np.float32)
    ids, _ = Neighborhood(table, np.ones(5, dtype=np.bool_)).nearest(table[0], 3, [1])
    assert ids.tolist() == [0, 2, 3]


@pytest.fixture
def space(tmp_path: Path) -> WordSpace:
    """Byte-level pieces: some words are one, the others fall into letters."""
    engine = Tokenizer(models.BPE(vocab=VOCAB, merges=[], ignore_merges=True))
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(" ?[^ ]+|\\s"), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    engine.decoder = decoders.ByteLevel()
    engine.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    assert isinstance(tokenizer, LibraryTokenizer)
    vectors = np.zeros((tokenizer.vocab_size, 2), dtype=np.float32)
    for name, vector in PLANE.items():
        vectors[VOCAB[name]] = vector
    counts = vectors.any(axis=1).astype(np.int64)
    # The special token was made to have all that a neighbor needs.
    vectors[0], counts[0] = (3, 4), 1
    return WordSpace(
        StaticEmbedding(vectors, counts, counts, np.arange(len(vectors)) == 0, None, tmp_path, {}), tokenizer
    )


def test_a_word_is_its_token_after_a_space(space: WordSpace) -> None:
    assert space.look_up("king").tokens == ("Ġking",)


def test_a_word_without_one_is_its_token_alone(space: WordSpace) -> None:
    query = space.look_up("queen")
    assert (query.tokens, query.composed) == (("queen",), False)


def test_another_word_is_the_mean_of_its_pieces(space: WordSpace) -> None:
    query = space.look_up("qr")
    assert (query.tokens, query.composed) == (("q", "r"), True)
    nearest = space.near("qr", 10)
    # (3, 4) and (1, -1) have the mean (2, 1.5).
    assert nearest.neighbors[0].text == "queen"
    assert nearest.neighbors[0].similarity == pytest.approx(1)
    assert not {"q", "r"} & {each.token for each in nearest.neighbors}


def test_pieces_that_were_not_seen_are_left_out_of_the_mean(space: WordSpace) -> None:
    query = space.look_up("qvn")
    assert (query.tokens, query.composed) == (("q",), True)


@pytest.mark.parametrize("word", ["vvv", "", "never"])
def test_a_word_without_any_vector_is_an_error(space: WordSpace, word: str) -> None:
    with pytest.raises(UnknownWordError, match=f"'{word}' is unknown") as caught:
        space.near(word)
    assert caught.value.hint


def test_a_word_that_is_no_text_is_an_error(space: WordSpace) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        space.look_up("\udcff")


def test_neighbors_are_neither_special_nor_unseen_nor_the_word(space: WordSpace) -> None:
    neighbors = space.near("king", 100).neighbors
    assert [each.text for each in neighbors] == ["king", "q", "woman", "queen", "man", "r", "far"]
    assert [each.similarity for each in neighbors] == sorted((each.similarity for each in neighbors), reverse=True)
    assert neighbors[0].similarity > 0 > neighbors[-1].similarity


def test_an_analogy_leaves_its_words_out(space: WordSpace) -> None:
    result = space.analogy("man", "king", "woman", 3)
    assert [query.word for query in (result.a, result.b, result.c)] == ["man", "king", "woman"]
    assert result.neighbors[0].text == "queen"
    assert not {"man", "Ġking", "woman"} & {each.token for each in result.neighbors}


@pytest.mark.parametrize("method", ["add", "mul"])
def test_negative_words_are_subtracted(space: WordSpace, method: str) -> None:
    answer = space.answer(WordQuery.of(["king", "-man", "+woman"]), 3, method)
    assert answer.neighbors == space.analogy("man", "king", "woman", 3, method).neighbors
    assert isinstance(answer.query, CombinedWords)
    assert [[query.word for query in part] for part in (answer.query.plus, answer.query.minus)] == [
        ["king", "woman"],
        ["man"],
    ]


def test_query_is_read_with_its_signs() -> None:
    assert WordQuery.of_line(" king  -man woman") == WordQuery("king -man woman", ("king", "woman"), ("man",))
    assert WordQuery.of_line("New York") == WordQuery("New York", ("New York",))
    assert WordQuery.of_line("a - b") == WordQuery("a - b", ("a - b",))
    assert WordQuery.of(["+-ing"]).plus == ("-ing",)
    assert len(WordQuery.from_words(["king", "+queen"])) == 2
    assert WordQuery.from_words(["king", "woman"], ["man"]) == [
        WordQuery("king woman -man", ("king", "woman"), ("man",))
    ]
    with pytest.raises(UsageError, match="has no positive word"):
        WordQuery.of(["-king"])
    with pytest.raises(UsageError, match="has no positive word"):
        WordQuery.from_words([], ["king"])


def test_unknown_words_do_not_stop_other_queries(space: WordSpace) -> None:
    one, two, three = space.answers([WordQuery.of_line(line) for line in ("king -man", "vvv", "qr -man")], 2)
    assert isinstance(two, UnknownWordError)
    assert one == space.answer(WordQuery.of_line("king -man"), 2)
    assert not isinstance(three, Exception)
    assert isinstance(three.query, CombinedWords)
    assert three.query.plus[0].composed


def test_k_is_positive() -> None:
    with pytest.raises(UsageError, match="-k 0"):
        check_k(0)
