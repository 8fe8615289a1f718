"""word2vec and fastText with negative sampling: a few products of small matrices a token.

A token and its negative samples serve all of its neighbors at once (Ji et al. 2016, https://arxiv.org/abs/1604.04661):
all rows involved stay in the nearest cache, and each number that is loaded is used several times. Neighbors are rows of
the input table, the token and the samples rows of the output table. Threads share the tables without locks
(Niu et al. 2011, https://arxiv.org/abs/1106.5730).

`sampling.py` draws, `updates.py` has the arithmetic; a document is trained on by each neighbor (`skipgram.py`), or by a
mean of the neighbors or of a token's own rows (`cbow.py`), where a token has but one vector.

Both tables have a last row of zeros, which fills up groups of rows.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import f32, i64, jit, number, u32, u64
from tokit.kernels.layout import SKIPGRAM
from tokit.kernels.word2vec.cbow import learn_means
from tokit.kernels.word2vec.sampling import subsample
from tokit.kernels.word2vec.skipgram import learn_neighbors


@jit
def _learn_windows(
    ids, ends, way, own, inputs, outputs, stride, keep, draws, settings, alpha, constants, scratch, state, loss
):  # fmt: skip
    tokens = scratch[0]
    trained = 0
    start = np.int64(0)
    for document in range(len(ends)):
        count = subsample(ids, start, ends[document], keep, state, tokens)
        start = ends[document]
        trained += count
        if count < 2:
            continue
        if way == SKIPGRAM:
            learn_neighbors(
                tokens, count, inputs, outputs, stride, draws, settings, alpha, constants, scratch[1:], state, loss
            )  # fmt: skip
        else:
            learn_means(
                tokens, count, way, own, inputs, outputs, stride, draws, settings, alpha, constants, scratch[1:], state,
                loss,
            )  # fmt: skip
    return trained


def learn_windows(a):
    """Train on the documents of a block.

    Arguments: ids; ends of the documents; SKIPGRAM, CBOW or FASTTEXT; for FASTTEXT the ends of each token's own rows,
    and those rows; the input and the output table, flat, with a last row of zeros; numbers from row to row, a multiple
    of WIDTH; for each token how many of 2**32 times it is tokens (ALWAYS: each time); the alias table, limits and
    others; window, negative samples of a token, groups of output rows; [learning rate]; masks and losses, see
    `updates.py`; tokens: scratch, as long as the ids and GROUP; rows: scratch of two times
    GROUP times the groups; scores: SCORES times the most neighbors or TOGETHER, and 2 * WIDEST; means: 2 * TOGETHER
    rows; sizes: 3 * TOGETHER; rates: as long as the scores and 2 * WIDEST; state of the random numbers; loss: [sum,
    tokens], added to.

    Returns:
        The number of tokens that subsampling kept.
    """
    return _learn_windows(
        u32(a, 0), i64(a, 1), number(a, 2), (i64(a, 3), u32(a, 4)), f32(a, 5), f32(a, 6), number(a, 7), u32(a, 8),
        (u32(a, 9), u32(a, 10)), (number(a, 11), number(a, 12), number(a, 13)), f32(a, 14)[0], (f32(a, 15), f32(a, 16)),
        (i64(a, 17), i64(a, 18), f32(a, 19), f32(a, 20), i64(a, 21), f32(a, 22)), u64(a, 23), f32(a, 24),
    )  # fmt: skip
