"""Sampling for word2vec: subsampling of frequent tokens, window width, negative samples.

All of it comes from one random stream a block, so that one thread gives the same result each time: the order of the
draws is part of the result.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import inlined, jit
from tokit.kernels.layout import ALWAYS, GROUP

_KEPT_ALWAYS = np.uint32(ALWAYS)
# Groups of negative samples that have a bit each; all others share the last.
_LAST_BIT = 62
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_STEP, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@inlined
def _random(state):
    """The next 64 random bits: splitmix64, whose state is a counter. https://doi.org/10.1145/2660193.2660195"""
    state[0] += _STEP
    x = state[0]
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@inlined
def _random_below(state, limit):
    return np.int64(((_random(state) >> _HALF) * np.uint64(limit)) >> _HALF)


@jit
def subsample(ids, start, end, keep, state, tokens):
    """Copy tokens, dropping frequent ones at random; returns the number kept."""
    count = 0
    for k in range(start, end):
        token = np.int64(ids[k])
        if keep[token] == _KEPT_ALWAYS or np.uint32(_random(state) >> _HALF) < keep[token]:
            tokens[count] = token
            count += 1
    return count


@inlined
def draw_window(count, here, window, state):
    """Draw a window: the first neighbor of a token, and the one after its last."""
    reach = _random_below(state, window) + 1
    return max(0, here - reach), min(count, here + reach + 1)


@inlined
def _draw_one(state, limits, aliases):
    """Draw a token by Walker's alias method: an evenly drawn one below its limit, else its alias."""
    bits = _random(state)
    token = ((bits >> _HALF) * np.uint64(len(limits))) >> _HALF
    if np.uint32(bits & _LOW) >= limits[token]:
        token = np.uint64(aliases[token])
    return np.int64(token)


@jit
def draw_negatives(target, negatives, state, limits, aliases, rows, first, groups):
    """Draw negative samples: rows of the token and of others, then rows of zeros; returns the number of real ones."""
    rows[first] = target
    count = 1
    for _ in range(negatives):
        token = _draw_one(state, limits, aliases)
        if token != target:
            rows[first + count] = token
            count += 1
    for k in range(count, groups * GROUP):
        rows[first + k] = len(limits)
    return count


@jit
def draw_shared(tokens, start, end, wanted, state, limits, aliases, rows, first):
    """Draw shared negative samples; returns a bit for each group of them that holds one of `tokens[start:end]`."""
    shared = 0
    for k in range(wanted):
        token = _draw_one(state, limits, aliases)
        rows[first + k] = token
        for at in range(start, end):
            if tokens[at] == token:
                shared |= bit_of(k // GROUP)
                break
    return shared


@inlined
def bit_of(group):
    """The bit of a group of negative samples."""
    return 1 << min(group, _LAST_BIT)
