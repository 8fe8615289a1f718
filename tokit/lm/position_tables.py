"""Position encodings by the formulas of the papers; float32, computed in float64.

- sinusoidal: Vaswani et al. 2017, section 3.5, https://arxiv.org/abs/1706.03762
- rotary: Su et al. 2021, equations 15 and 34, https://arxiv.org/abs/2104.09864
- ALiBi: Press et al. 2022, section 3, https://arxiv.org/abs/2108.12409
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray
from tokit.errors import UsageError

Doubles = npt.NDArray[np.float64]
# Wavelengths are a geometric series from 2 pi to this times 2 pi.
BASE = 10_000.0
# The last exponent of ALiBi's slopes.
SMALLEST_SLOPE = 8


def sinusoidal(count: int, dim: int) -> FloatArray:
    """Sinusoidal position encodings: sines in even dimensions, cosines in odd ones.

    Args:
        count: Number of positions, from 0.
        dim: Dimension of the model; even.

    Returns:
        Shape (count, dim).

    Raises:
        UsageError: an odd dimension.
    """
    angles = _angles(count, dim, BASE)
    table = np.empty((count, dim), dtype=np.float32)
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


def rotary(count: int, dim: int, theta: float = BASE) -> tuple[FloatArray, FloatArray]:
    """Cosines and sines of the rotation angles for pairs of dimensions of a query or key.

    The paper pairs dimensions 2i and 2i + 1. Here, as in transformers' Llama, i is paired with i + dim / 2, so that the
    second half of a row repeats the first.

    Args:
        count: Number of positions, from 0.
        dim: Dimension of a head; even.
        theta: Base of the wavelengths.

    Returns:
        (cosines, sines), each of shape (count, dim).

    Raises:
        UsageError: an odd dimension.
    """
    angles = np.tile(_angles(count, dim, theta), 2)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def alibi_slopes(heads: int) -> FloatArray:
    """Slope of each head's bias.

    For a power of two they are 2^(-8/heads), 2^(-16/heads) and so on; other numbers take those of the next lower power,
    and every second one of the next higher, as in the authors' code.
    https://github.com/ofirpress/attention_with_linear_biases

    Returns:
        Shape (heads,), above 0.
    """
    below = 1 << (heads.bit_length() - 1)
    slopes = _slopes_of_power(below)
    if below < heads:
        slopes = np.concatenate([slopes, _slopes_of_power(2 * below)[::2][: heads - below]])
    return slopes.astype(np.float32)


def alibi_bias(count: int, slopes: FloatArray) -> FloatArray:
    """Bias of the attention score of query i and key j: minus the slope times i - j.

    Later keys are masked with -inf, as in the paper, which is about causal models.

    Returns:
        Shape (heads, queries, keys).
    """
    places = np.arange(count)
    distance = (places[:, None] - places).astype(np.float32)
    bias: FloatArray = np.where(distance >= 0, -slopes[:, None, None] * distance, np.float32(-np.inf))
    return bias


def _angles(count: int, dim: int, base: float) -> Doubles:
    if dim % 2:
        raise UsageError(f"these position encodings need an even dimension, not {dim}", hint="choose another --kind")
    frequencies = base ** -(np.arange(0, dim, 2) / dim)
    angles: Doubles = np.outer(np.arange(count), frequencies)
    return angles


def _slopes_of_power(heads: int) -> Doubles:
    exponents = SMALLEST_SLOPE / heads * np.arange(1, heads + 1)
    slopes: Doubles = np.exp2(-exponents)
    return slopes
