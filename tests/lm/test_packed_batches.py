"""Rows without padding, masks of whole words: arrays alone, so that they are tested without torch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokit.arrays import Pieces
from tokit.ids.stream import IdStream
from tokit.lm.data.packed_batches import Batches, Masking, PackedRows, draw
from tokit.lm.pretrain_params import PretrainParams
from tokit.tokenizer.word_starts import word_starts

DOCUMENTS = st.lists(st.integers(0, 12), min_size=1, max_size=20)


def stream_of(lengths: list[int], vocab: int = 50) -> IdStream:
    ends = np.cumsum(np.array(lengths, dtype=np.int64))
    return IdStream(np.random.default_rng(7).integers(5, vocab, int(ends[-1])).astype(np.uint16), ends)


def masking(vocab: int = 50) -> Masking:
    special = np.zeros(vocab, dtype=np.bool_)
    special[:5] = True
    begins = np.arange(vocab) % 3 != 0
    return Masking(begins | special, special, 4)


@given(DOCUMENTS, st.integers(2, 9))
def test_rows_hold_every_token_once_and_know_its_document(lengths: list[int], context: int) -> None:
    stream = stream_of(lengths)
    rows = PackedRows(stream, context)
    parts = [rows.take(np.array([number])) for number in range(rows.count)]
    rest = rows.rest()
    parts += [] if rest is None else [rest]
    tokens = [int(i) for ids, _, _ in parts for i in ids[0, :-1]]
    assert tokens == stream.data[: len(tokens)].tolist() and len(tokens) == max(len(stream.data) - 1, 0)
    # A plain loop says which document each token is of, and how far it stands in it or in its row.
    owner = [number for number, length in enumerate(lengths) for _ in range(length)]
    starts = np.cumsum([0, *lengths])
    for row, (ids, positions, documents) in enumerate(parts):
        for k in range(ids.shape[1] - 1):
            at = row * rows.context + k
            assert documents[0, k] == owner[at]
            assert positions[0, k] == at - max(int(starts[owner[at]]), row * rows.context)


@given(DOCUMENTS, st.integers(0, 5), st.floats(0.05, 0.9))
def test_words_are_hidden_whole(lengths: list[int], seed: int, rate: float) -> None:
    stream, hides = stream_of(lengths), masking()
    if len(stream.data) < 2:
        return
    ids = stream.data[None, :].astype(np.int64)
    changed, at = hides.mask_words(ids, rate, draw(seed, 1, 0))
    words = np.cumsum(hides.begins[ids[0]] | (np.arange(ids.size) == 0))
    hidden = np.zeros(ids.size, dtype=np.bool_)
    hidden[at] = True
    for word in np.unique(words):
        ordinary = (words == word) & ~hides.special[ids[0]]
        assert hidden[ordinary].all() or not hidden[ordinary].any()
    assert not hides.special[ids[0, at]].any()
    assert (changed[0, ~hidden] == ids[0, ~hidden]).all()
    assert not hides.special[np.setdiff1d(changed[0, at], [hides.mask])].any()


def test_as_many_are_masked_as_asked_for() -> None:
    ids = stream_of([60_000]).data[None, :].astype(np.int64)
    hides = Masking(np.ones(50, dtype=np.bool_), np.arange(50) < 5, 4)
    changed, at = hides.mask_words(ids, 0.2, draw(0, 1, 0))
    assert abs(len(at) / ids.size - 0.2) < 0.01
    assert abs((changed[0, at] == 4).mean() - 0.8) < 0.02
    assert abs((changed[0, at] == ids[0, at]).mean() - 0.1) < 0.02


def test_a_batch_depends_on_its_number_alone() -> None:
    rows, params = PackedRows(stream_of([40] * 30), 16), PretrainParams(batch_size=4)
    first, second = (Batches(rows, params, masking(), 3, 100) for _ in range(2))
    for step in range(40):
        first.get(step)
    for step in (39, 0, 17):
        one, other = first.get(step), second.get(step)
        assert (one.ids == other.ids).all() and (one.at == other.at).all() and (one.rows == other.rows).all()


def test_an_epoch_has_every_row_once() -> None:
    rows = PackedRows(stream_of([40] * 30), 16)
    batches = Batches(rows, PretrainParams(batch_size=5), masking(), 3, 100)
    seen = [int(row) for step in range(rows.count // 5 * 3) for row in batches.get(step).rows]
    whole = len(seen) // rows.count
    for epoch in range(whole):
        assert sorted(seen[epoch * rows.count : (epoch + 1) * rows.count]) == list(range(rows.count))
    assert whole >= 2 and seen[: rows.count] != seen[rows.count : 2 * rows.count]


def test_a_causal_batch_predicts_the_next_token() -> None:
    stream = stream_of([7, 30, 11])
    batch = Batches(PackedRows(stream, 8), PretrainParams(batch_size=3, objective="causal"), masking(), 0, 10).get(0)
    for row, ids in zip(batch.rows.tolist(), batch.ids, strict=True):
        assert ids.tolist() == stream.data[row * 8 : row * 8 + 8].tolist()
    wanted = [stream.data[row * 8 + 1 : row * 8 + 9].tolist() for row in batch.rows.tolist()]
    assert batch.targets.reshape(3, 8).tolist() == wanted


def test_the_share_of_masks_changes_in_a_line() -> None:
    params = PretrainParams(mlm_probability=0.3, mlm_probability_end=0.1)
    batches = Batches(PackedRows(stream_of([40] * 3), 16), params, masking(), 0, 11)
    assert np.allclose([batches.mlm_probability(step) for step in (0, 5, 10)], [0.3, 0.2, 0.1])


def test_where_words_begin() -> None:
    special = np.array([True, *[False] * 5])
    bytewise = Pieces(("<|pad|>", "Ġthe", "re", ".", "Ã", "Ġ"), ("<|pad|>", " the", "re", ".", "\ufffd", " "), special)
    assert word_starts(bytewise).tolist() == [True, True, False, True, False, True]
    headings = Pieces(
        ("<|pad|>", "Ġthe", "re", "##", "Ã", "##Ġ"), ("<|pad|>", " the", "re", "##", "\ufffd", "## "), special
    )
    assert word_starts(headings).tolist() == [True, True, False, True, False, True]
    words = Pieces(("<|pad|>", "the", "re", "##", "a", "."), ("<|pad|>", "the", "re", "##", "a", "."), special)
    assert word_starts(words).all()
    wordpiece = Pieces(("[PAD]", "the", "##re", ".", "a", "##b"), ("[PAD]", "the", "re", ".", "a", "b"), special)
    assert word_starts(wordpiece).tolist() == [True, True, False, True, True, False]


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        # Vowel signs and marks: Hindi, Thai, Arabic, a bare accent.
        *((sign, False) for sign in ("ि", "्", "ी\u0928", "ั", "ิ่", "\u064e", "\u0301")),
        # Letters of scripts without spaces.
        *((letter, True) for letter in ("人", "語る", "の", "カタ", "ﾊ", "ไทย", "ລາວ", "ក", "မ", "豈")),
        # What stands only behind a letter: the length of a vowel, a repetition, vowels of Thai and Lao.
        *((letter, False) for letter in ("ー", "々", "ๆ", "าย", "ะ", "າ")),
        # Letters of scripts with spaces, a split character, and what is no letter.
        *((letter, False) for letter in ("a", "न", "א", "ж", "한", "3", "\ufffd", "\ufffd人")),
        *((letter, True) for letter in (".", "。", "।", " ि")),
    ],
)
def test_words_begin_in_every_script(text: str, begins: bool) -> None:
    special = np.zeros(3, dtype=np.bool_)
    assert word_starts(Pieces((" ", " a", "?"), (" ", " a", text), special)).tolist() == [True, True, begins]


def test_pieces_of_a_script_without_spaces_are_words_of_a_wordpiece_vocabulary_too() -> None:
    texts = ("人", "人", "ย", "ั", "b")
    pieces = Pieces(("人", *(f"##{text}" for text in texts[1:])), texts, np.zeros(5, dtype=np.bool_))
    assert word_starts(pieces).tolist() == [True, True, True, False, False]
