"""The fastText family: n-grams of tokens, their buckets, and vectors of similar spelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokit
from tests.support.packages import needs_gensim
from tests.support.two_topics import fit, pieces
from tokit.embedding.families.fasttext import FastTextParams, ngram_buckets, ngram_rows, ngram_text
from tokit.embedding.words.word_space import open_space


@needs_gensim
def test_ngrams_are_those_of_the_texts() -> None:
    from gensim.models.fasttext import ft_ngram_hashes

    params = FastTextParams(minn=3, maxn=4, bucket=50_000)
    table = pieces(" king", " kingdom", "xyz", "unseen")
    ngrams, used = ngram_rows(table, np.array([0, 1, 2]), params)
    rows = np.split(ngrams.rows, ngrams.ends[:-1])
    sets = [set(each.tolist()) for each in rows]
    # "< k", " ki", "kin", "ing" and "< ki", " kin", "king" are in both.
    assert len(sets[0] & sets[1]) == 7
    assert not sets[2] & (sets[0] | sets[1])
    assert set().union(*sets) == set(range(len(used)))
    assert (np.diff(used.astype(np.int64)) > 0).all()
    assert len(rows[0]) == len(ft_ngram_hashes(" king", 3, 4, 50_000))


@pytest.mark.slow
@needs_gensim
@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=5), shortest=st.integers(1, 3), more=st.integers(0, 4))
def test_buckets_are_those_of_fasttext(texts: list[str], shortest: int, more: int) -> None:
    from gensim.models.fasttext import ft_ngram_hashes

    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    found = ngram_buckets(texts, FastTextParams(minn=shortest, maxn=shortest + more, bucket=1 << 20))
    expected = [ft_ngram_hashes(text, shortest, shortest + more, 1 << 20) for text in texts]
    assert [each.tolist() for each in np.split(found.rows, found.ends[:-1])] == expected


def test_ngrams_of_broken_bytes_are_those_of_the_name() -> None:
    table = pieces(" king", "\ufffd", "")
    assert [ngram_text(table, i) for i in range(3)] == [" king", "name1", "name2"]


def test_spelling_brings_fasttext_vectors_together(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    # Each word has neighbors of its own: only their spelling can make two of them alike.
    lines = [
        f"{word} {'abcdefgh'[n] * 3} {'abcdefgh'[n] * 5}\n" for n, word in enumerate(["running", "runnings", "quality"])
    ]
    text.write_text("".join(lines) * 40, encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), tmp_path / "tok", family="word")
    fit(text, tmp_path / "tok", tmp_path / "emb", family="fasttext", settings={"sample": 0, "epochs": 10})
    cosines = {each.text: each.similarity for each in open_space(tmp_path / "emb").near("running").neighbors}
    # gensim's model of this text has 0.83 to 0.85 and 0.05 to 0.11.
    assert cosines["runnings"] > 0.7
    assert cosines["quality"] < 0.3
