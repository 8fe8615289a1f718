"""What a training on windows leaves to chance: which tokens stay, how far a window reaches, which tokens are random.

All of it comes from one stream of a block's own, so that one thread learns the same each time: the order in which
something is drawn is part of the result.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import inlined, jit
from tokit.kernels.layout import ALWAYS, GROUP

_KEPT_ALWAYS = np.uint32(ALWAYS)
# Groups of random tokens that have a bit each; all behind share the last.
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
def keep_some(ids, start, end, keep, state, kept):
    """Copy tokens, of which frequent ones are left out at random; how many are left."""
    count = 0
    for k in range(start, end):
        token = np.int64(ids[k])
        if keep[token] == _KEPT_ALWAYS or np.uint32(_random(state) >> _HALF) < keep[token]:
            kept[count] = token
            count += 1
    return count


@inlined
def draw_window(count, here, window, state):
    """The first neighbor of a token and the one after its last, in a window of random width."""
    reach = _random_below(state, window) + 1
    return max(0, here - reach), min(count, here + reach + 1)


@inlined
def _draw_one(state, limits, others):
    """A random token by Walker's alias method: one drawn evenly stands below its limit, else the other of its place."""
    bits = _random(state)
    token = ((bits >> _HALF) * np.uint64(len(limits))) >> _HALF
    if np.uint32(bits & _LOW) >= limits[token]:
        token = np.uint64(others[token])
    return np.int64(token)


@jit
def draw_others(target, negatives, state, limits, others, rows, first, groups):
    """Rows of a token and of random ones that are not it, and of zeros where there is none; how many are real."""
    rows[first] = target
    count = 1
    for _ in range(negatives):
        token = _draw_one(state, limits, others)
        if token != target:
            rows[first + count] = token
            count += 1
    for k in range(count, groups * GROUP):
        rows[first + k] = len(limits)
    return count


@jit
def draw_pool(kept, start, end, wanted, state, limits, others, rows, first):
    """Random tokens; a bit for each group of them that holds one of `kept[start:end]`."""
    shared = 0
    for k in range(wanted):
        token = _draw_one(state, limits, others)
        rows[first + k] = token
        for at in range(start, end):
            if kept[at] == token:
                shared |= bit_of(k // GROUP)
                break
    return shared


@inlined
def bit_of(group):
    """That of a group of random tokens."""
    return 1 << min(group, _LAST_BIT)
