"""word2vec's kernel against the plain version."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.plain_word2vec import PlainWindows, Random
from tokit.arrays import Ids
from tokit.embedding.base import Word2VecParams
from tokit.embedding.train.word2vec import (
    WeightMatrix,
    Word2VecWorkspace,
    alias_table,
    block_ends,
    document_ends,
    initialize_vectors,
    loss_curve,
    row_masks,
    rows_per_update,
)
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import ALWAYS, CBOW, FASTTEXT, GROUP, SKIPGRAM

VOCAB = 40


@pytest.mark.parametrize("way", [SKIPGRAM, CBOW, FASTTEXT])
@pytest.mark.parametrize(("dim", "window", "negatives"), [(7, 2, 3), (100, 5, 5), (33, 3, 11)])
def test_training_on_a_block_equals_the_plain_version(way: int, dim: int, window: int, negatives: int) -> None:
    draw = np.random.default_rng(dim)
    # Within a window no token comes twice: of such the kernel moves one after the other.
    documents = [draw.permutation(VOCAB)[:size].tolist() for size in (0, 1, 2, 30, 5)]
    ids = Ids.of(documents)
    own = [[token, *(VOCAB + draw.permutation(VOCAB)[: draw.integers(0, 9)])] for token in range(VOCAB)]
    rows = np.cumsum([len(each) for each in own]), np.concatenate(own).astype(np.uint32)
    inputs, outputs = WeightMatrix(2 * VOCAB, dim), WeightMatrix(VOCAB, dim)
    initialize_vectors(inputs, 3)
    inputs.vectors[:] *= 20
    outputs.vectors[:] = draw.normal(0, 0.3, (VOCAB, dim))
    keep = draw.integers(1 << 30, ALWAYS, VOCAB).astype(np.uint32)
    keep[::3] = ALWAYS
    draws = alias_table(draw.random(VOCAB) * (draw.random(VOCAB) < 0.8))
    plain = PlainWindows(
        inputs.vectors.astype(np.float64),
        outputs.vectors.astype(np.float64),
        keep.tolist(),
        tuple(each.tolist() for each in draws),
    )
    params = Word2VecParams(window=window, negative=negatives)
    groups = -(-rows_per_update(way, negatives) // GROUP)
    space = Word2VecWorkspace.of(params, 64, inputs.stride, groups)
    space.state[:] = 12345
    kernel("learn_windows")(
        ids.data, ids.ends, way, *rows, inputs.numbers, outputs.numbers, inputs.stride, keep, *draws, window,
        negatives, groups, np.array([0.05], dtype=np.float32), row_masks(), loss_curve(), space.tokens, space.rows,
        space.scores, space.means, space.sizes, space.rates, space.state, space.loss,
    )  # fmt: skip
    random = Random(12345)
    if way == SKIPGRAM:
        plain.learn_each(documents, random, window=window, negatives=negatives, alpha=0.05)
    else:
        plain.learn_means(
            documents, own if way == FASTTEXT else None, random, window=window, negatives=negatives,
            pool=groups * GROUP, alpha=0.05,
        )  # fmt: skip
    assert int(space.state[0]) == random.state
    assert np.abs(outputs.vectors - plain.outputs).max() < 1e-5
    assert np.abs(inputs.vectors - plain.inputs).max() < 1e-5
    assert not inputs.numbers.reshape(-1, inputs.stride)[-1].any()
    assert not outputs.numbers.reshape(-1, outputs.stride)[:, dim:].any()


def test_negative_samples_follow_their_weights() -> None:
    weights = np.array([0.0, 1, 2, 5, 0, 8, 1e-9])
    limits, others = alias_table(weights)
    share = np.zeros(len(weights))
    for place, (limit, other) in enumerate(zip(limits, others, strict=True)):
        share[place] += limit / 2**32
        share[other] += 1 - limit / 2**32
    assert np.allclose(share / len(weights), weights / weights.sum(), atol=1e-8)


@pytest.mark.parametrize("epochs", [1, 400])
def test_blocks_hold_every_token_once(epochs: int) -> None:
    draw = np.random.default_rng(0)
    sizes = np.concatenate([draw.integers(0, 300, 50), [0, 70_000, 0, 3, 0]])
    ends = np.cumsum(sizes)
    blocks = block_ends(ends, epochs)
    assert blocks[-1] == ends[-1]
    starts = np.concatenate([[0], blocks[:-1]])
    found = []
    for start, end in zip(starts.tolist(), blocks.tolist(), strict=True):
        inner = document_ends(ends, start, end)
        assert inner[-1] == end - start > 0
        found += (inner + start).tolist()
    # Beside the documents' own ends there are only those of blocks within long ones.
    assert set(ends[sizes > 0]) <= set(found)
    assert set(found) <= set(ends) | set(blocks)
