"""Metadata of a GGUF file, read without its tensors.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tokit.errors import ArtifactError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
# Number of a type → its form for `struct`.
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
MAX_ITEMS = 1 << 28


def read_metadata(path: Path, prefix: str) -> dict[str, Any]:
    """Name → value of the metadata whose names begin with a prefix.

    Raises:
        ArtifactError: the file is no GGUF of a known version, or is truncated.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise ArtifactError(f"{path}: not a GGUF file", hint="fetch the file again")
            (version,) = _unpack(file, "I")
            if version not in VERSIONS:
                raise ArtifactError(f"{path}: version {version} of GGUF", hint="convert it again")
            return dict(item for item in _items(file) if item[0].startswith(prefix))
    except (struct.error, ValueError, KeyError, RecursionError) as error:
        raise ArtifactError(f"{path}: a damaged GGUF file: {error}", hint="fetch the file again") from error
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right?") from error


def _items(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    _tensors, count = _unpack(file, "QQ")
    if count > MAX_ITEMS:
        raise ValueError(f"{count} entries")
    for _ in range(count):
        name = _string(file)
        (kind,) = _unpack(file, "I")
        yield name, _value(file, kind)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind != ARRAY:
        return _unpack(file, NUMBERS[kind])[0]
    inner, count = _unpack(file, "IQ")
    if count > MAX_ITEMS:
        raise ValueError(f"an array of {count}")
    if inner in NUMBERS:
        return list(_unpack(file, f"{count}{NUMBERS[inner]}"))
    return [_value(file, inner) for _ in range(count)]


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > MAX_ITEMS:
        raise ValueError(f"a text of {length} bytes")
    raw = file.read(length)
    if len(raw) < length:
        raise ValueError("truncated")
    return raw.decode("utf-8")


def _unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    layout = struct.Struct("<" + form)
    return layout.unpack(file.read(layout.size))
