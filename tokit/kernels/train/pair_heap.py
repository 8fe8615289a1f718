"""A heap of pairs: the highest count first, then the smallest (left id, right id), which is the reference's order.

Counts of it may be out of date: see `learn_merges`.
"""

from __future__ import annotations

from tokit.kernels.compiled.intrinsics import (
    inlined,
    jit,
)
from tokit.kernels.layout import (
    HEAP,
)


@inlined
def is_before(heap, k, count, key):
    """Check that an entry of the heap is merged before another pair."""
    return heap[2 * k] > count or (heap[2 * k] == count and heap[2 * k + 1] < key)


@jit
def push(count, key, heap, state):
    k = state[HEAP]
    state[HEAP] = k + 1
    while k > 0:
        up = (k - 1) >> 2
        if is_before(heap, up, count, key):
            break
        heap[2 * k], heap[2 * k + 1] = heap[2 * up], heap[2 * up + 1]
        k = up
    heap[2 * k], heap[2 * k + 1] = count, key


@jit
def sink(count, key, heap, size):
    """Put an entry in place of the top one."""
    k = 0
    while 4 * k + 1 < size:
        child = 4 * k + 1
        for other in range(child + 1, min(child + 4, size)):
            if is_before(heap, other, heap[2 * child], heap[2 * child + 1]):
                child = other
        if not is_before(heap, child, count, key):
            break
        heap[2 * k], heap[2 * k + 1] = heap[2 * child], heap[2 * child + 1]
        k = child
    heap[2 * k], heap[2 * k + 1] = count, key


@jit
def drop_top(heap, state):
    last = state[HEAP] - 1
    state[HEAP] = last
    if last > 0:
        sink(heap[2 * last], heap[2 * last + 1], heap, last)
