"""Arrays in files that somebody else may have written: every claim is checked against the file before it is believed.

A type, a shape or an offset in a header decides how memory is read: with the type "object" the bytes of a file would be
followed as pointers, and a shape of 10^12 rows would be allocated. So the type has to be in a list, and the shape has
to be exactly as large as the file; only then is it mapped or read.
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from tokit.errors import ArtifactError
from tokit.storage.stranger_files import open_regular

Array = np.ndarray[Any, Any]
Order = Literal["C", "F"]
# Bytes of the longest header that NumPy reads by default.
LONGEST_HEADER = 10_000
MANY = 4
DAMAGED = "truncated or damaged? make it again"


class DamagedArrayError(ArtifactError):
    """A file that does not hold the array that it, or its manifest, promises."""


def read_npy(
    path: Path,
    dtypes: Collection[str],
    shape: tuple[int, ...] | None = None,
    *,
    mapped: bool = False,
    name: str | None = None,
) -> Array:
    """The array of a .npy file.

    Args:
        path: The file.
        dtypes: Types that it may have, as "int64"; with the other order of bytes, as ">i8".
        shape: The shape that it has to have; None for any.
        mapped: Map it, so that only what is used is read; else it is read whole.
        name: Of the file, for messages; None for its path.

    Raises:
        DamagedArrayError: another type or shape, or a file that is shorter or longer than they say.
        OSError: it is missing, or cannot be read.
    """
    with open_regular(path) as file:
        where = name or str(path)
        found, fortran, dtype = npy_header(file, where)
        start = file.tell()
    # Kernels take the bytes as they are, so that the order of the bytes is a part of the type.
    if (dtype.name if dtype.isnative else dtype.str) not in dtypes:
        raise DamagedArrayError(f"{where}: {dtype}, not {_listed(dtypes)}", hint=DAMAGED)
    if shape is not None and found != shape:
        raise DamagedArrayError(f"{where}: its shape is {_shown(found)}, not {_shown(shape)}", hint=DAMAGED)
    _require_end(path, start, found, dtype, where)
    order: Order = "F" if fortran else "C"
    if mapped:
        return _mapped(path, dtype, start, found, order)
    return np.fromfile(path, dtype=dtype, offset=start).reshape(found, order=order)


def map_numbers(path: Path, dtype: str, count: int) -> Array:
    """Map a file that holds numbers and nothing else, little-endian.

    Args:
        path: The file.
        dtype: Their type, one of numbers: the caller has looked it up in a list.
        count: Their number.

    Raises:
        DamagedArrayError: the file is shorter or longer.
        OSError: it is missing, or cannot be read.
    """
    with open_regular(path):
        pass
    order = np.dtype(dtype).newbyteorder("<")
    _require_end(path, 0, (count,), order, str(path))
    return _mapped(path, order, 0, (count,))


def map_array(path: Path, dtype: str, start: int, shape: tuple[int, ...]) -> Array:
    """Map an array in the middle of a file.

    Args:
        path: The file.
        dtype: Its type, one of numbers: the caller has looked it up in a list.
        start: Byte at which it begins.
        shape: Its shape.

    Raises:
        DamagedArrayError: the file ends before the array does.
        OSError: it is missing, or cannot be read.
    """
    kind = np.dtype(dtype)
    end = start + math.prod(shape) * kind.itemsize
    if start < 0 or min(shape, default=0) < 0 or end > path.stat().st_size:
        raise DamagedArrayError(f"{path}: {_shown(shape)} numbers of {kind} end at {end:,}", hint=DAMAGED)
    return _mapped(path, kind, start, shape)


def _mapped(path: Path, dtype: np.dtype[Any], start: int, shape: tuple[int, ...], order: Order = "C") -> Array:
    # Nothing cannot be mapped.
    if not math.prod(shape):
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape, order=order)


def _require_end(path: Path, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    """Check that a file ends where an array ends.

    Raises:
        DamagedArrayError: the file is shorter or longer.
    """
    end, size = start + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if min(shape, default=0) < 0 or end != size:
        raise DamagedArrayError(
            f"{name}: {size:,} bytes, but {_shown(shape)} numbers of {dtype} end at {end:,}", hint=DAMAGED
        )
    if not math.prod(shape) and shape[0]:
        # Rows of nothing would be walked through, 10^12 of them.
        raise DamagedArrayError(f"{name}: {_shown(shape)} numbers are none", hint=DAMAGED)


def npy_header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order (True for Fortran's) and type out of a .npy header; the numbers follow.

    Args:
        file: Open at its beginning.
        name: Its name, for messages.

    Raises:
        DamagedArrayError: it is none, or announces Python objects.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
        shape, fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    # NumPy evaluates the header as Python, and any error of Python's parser may come out of it.
    except Exception as error:
        raise DamagedArrayError(f"{name}: not a .npy file: {_short(error)}", hint=DAMAGED) from error
    if dtype.hasobject:
        raise DamagedArrayError(
            f"{name}: Python objects (a pickle), which are never loaded",
            hint="save the numbers alone: numpy.save('rows.npy', numpy.stack(list(array)).astype('float32'))",
        )
    return shape, fortran, dtype


def _short(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _listed(dtypes: Collection[str]) -> str:
    return " or ".join(dtypes) if len(dtypes) < MANY else "numbers"


def _shown(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape) or "no"
