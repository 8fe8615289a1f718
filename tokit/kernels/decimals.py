"""Decimal numbers in text, read to the nearest float.

A number whose digits make an integer below 2**53, times or through a power of ten up to 10**22, is exact in two
doubles, so that one division rounds it as a slow reader would (Clinger 1990). All others are left to a slow reader.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import f32, inlined, jit, u8

_LARGEST = np.uint64(1 << 53)
_MOST_PLACES = 22
_BLANK, _PLUS, _MINUS, _POINT = np.uint8(32), np.uint8(43), np.uint8(45), np.uint8(46)
_ZERO, _NINE, _LOWER = np.uint8(48), np.uint8(57), np.uint8(32)
_E = np.uint8(101)


@inlined
def _scaled(mantissa, places):
    scale = 1.0
    for _ in range(abs(places)):
        scale *= 10.0
    return mantissa / scale if places >= 0 else mantissa * scale


@jit
def _parse_decimals(data, numbers):
    size = len(data)
    at = np.int64(0)
    found = np.int64(0)
    while True:
        while at < size and data[at] <= _BLANK:
            at += 1
        if at >= size:
            return found
        if found >= len(numbers):
            return np.int64(-1)
        negative = data[at] == _MINUS
        if negative or data[at] == _PLUS:
            at += 1
        mantissa = np.uint64(0)
        digits = np.int64(0)
        places = np.int64(0)
        pointed = False
        while at < size:
            byte = data[at]
            if byte >= _ZERO and byte <= _NINE:
                if mantissa >= _LARGEST // np.uint64(16):
                    return np.int64(-1)
                mantissa = mantissa * np.uint64(10) + np.uint64(byte - _ZERO)
                digits += 1
                places += np.int64(pointed)
            elif byte == _POINT and not pointed:
                pointed = True
            else:
                break
            at += 1
        if digits == 0:
            return np.int64(-1)
        if at < size and (data[at] | _LOWER) == _E:
            at += 1
            below = False
            if at < size and (data[at] == _MINUS or data[at] == _PLUS):
                below = data[at] == _MINUS
                at += 1
            power = np.int64(0)
            digits = np.int64(0)
            while at < size and data[at] >= _ZERO and data[at] <= _NINE and digits < 4:
                power = power * 10 + np.int64(data[at] - _ZERO)
                digits += 1
                at += 1
            if digits == 0:
                return np.int64(-1)
            places += power if below else -power
        if at < size and data[at] > _BLANK:
            return np.int64(-1)
        if mantissa == np.uint64(0):
            places = np.int64(0)
        if places > _MOST_PLACES or places < -_MOST_PLACES:
            return np.int64(-1)
        value = _scaled(np.float64(mantissa), places)
        numbers[found] = np.float32(-value if negative else value)
        found += 1


def parse_decimals(a):
    """Read all numbers of a text.

    Arguments: data: ASCII numbers with blanks, tabs or line ends between; numbers: written, float32.

    Returns:
        How many there are; -1 where there are more than `numbers` takes, or one is not plain enough to be read here.
    """
    return _parse_decimals(u8(a, 0), f32(a, 1))
