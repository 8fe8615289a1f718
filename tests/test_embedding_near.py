"""Neighbours and analogies, held against a slow search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from tokit.embedding.neighbours import Neighbourhood
from tokit.embedding.store import StaticEmbedding
from tokit.errors import UsageError
from tokit.ops.near import UnknownWordError, WordSpace, check_k
from tokit.tokenizer.engine import LibraryTokenizer
from tokit.tokenizer.foreign import open_tokenizer

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
    ids, cosines = Neighbourhood(table, allowed).nearest(vector, k, exclude)
    scored = []
    for i, row in enumerate(table):
        if allowed[i] and row.any() and i not in exclude:
            scored.append((np.dot(row, vector) / (np.linalg.norm(row) * max(np.linalg.norm(vector), 1e-9)), i))
    best = sorted(scored, key=lambda pair: -pair[0])[:k]
    np.testing.assert_allclose(cosines, [cosine for cosine, _ in best], atol=1e-6)
    assert set(ids.tolist()) <= {i for _, i in scored}
    assert len(set(ids.tolist())) == len(best)


def test_equal_ones_come_by_id() -> None:
    table = np.ones((5, 2), dtype=np.float32)
    ids, _ = Neighbourhood(table, np.ones(5, dtype=np.bool_)).nearest(table[0], 3, [1])
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
    tokenizer = open_tokenizer(tmp_path)
    assert isinstance(tokenizer, LibraryTokenizer)
    vectors = np.zeros((tokenizer.vocab_size, 2), dtype=np.float32)
    for name, vector in PLANE.items():
        vectors[VOCAB[name]] = vector
    counts = vectors.any(axis=1).astype(np.int64)
    # The special token was made to have all that a neighbour needs.
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
    assert nearest.neighbours[0].text == "queen"
    assert nearest.neighbours[0].similarity == pytest.approx(1)
    assert not {"q", "r"} & {each.token for each in nearest.neighbours}


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


def test_neighbours_are_neither_special_nor_unseen_nor_the_word(space: WordSpace) -> None:
    neighbours = space.near("king", 100).neighbours
    assert [each.text for each in neighbours] == ["king", "q", "woman", "queen", "man", "r", "far"]
    assert [each.similarity for each in neighbours] == sorted((each.similarity for each in neighbours), reverse=True)
    assert neighbours[0].similarity > 0 > neighbours[-1].similarity


def test_an_analogy_leaves_its_words_out(space: WordSpace) -> None:
    result = space.analogy("man", "king", "woman", 3)
    assert [query.word for query in (result.a, result.b, result.c)] == ["man", "king", "woman"]
    assert result.neighbours[0].text == "queen"
    assert not {"man", "Ġking", "woman"} & {each.token for each in result.neighbours}


def test_k_is_positive() -> None:
    with pytest.raises(UsageError, match="-k 0"):
        check_k(0)
