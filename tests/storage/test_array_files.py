"""Arrays in files of strangers: what a header claims is checked, and no claim is followed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokit.errors import ArtifactError
from tokit.storage.array_files import DamagedArrayError, map_array, map_numbers, read_npy

NUMBERS = np.arange(24, dtype=np.int64)


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


def with_header(path: Path, header: str, content: bytes = bytes(24)) -> Path:
    text = header.encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)
    return path


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("shape", [(24,), (4, 6), (2, 3, 4), (0,), (0, 5), ()])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path, shape: tuple[int, ...], mapped: bool, order: str) -> None:
    array = np.asarray(NUMBERS[: int(np.prod(shape))].reshape(shape), order=order)
    path = saved(tmp_path / "a.npy", array)
    found = read_npy(path, ("int64",), shape, mapped=mapped)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.load(path))


@pytest.mark.parametrize(
    "array",
    [
        np.array([{"a": 1}], dtype=object),
        np.array([("a", 1)], dtype=[("name", object), ("n", "i4")]),
        np.zeros(3, dtype="V8"),
        np.array(["a"]),
        NUMBERS.astype(">i8"),
        NUMBERS.astype(np.int32),
        np.zeros(3, dtype="datetime64[s]"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_other_types_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DamagedArrayError, match=r"not int64|Python objects"):
        read_npy(saved(tmp_path / "a.npy", array), ("int64",))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000, 0), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-3,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (True,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<i8', 'fortran_order': 7, 'shape': (3,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': 3, }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (3,)x }",
        "{'descr': ('<i8', (2**9,)), 'fortran_order': False, 'shape': (3,), }",
        "('" + "(" * 90,
        "{",
        "\0",
    ],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_claims_of_a_header_are_checked_against_the_file(tmp_path: Path, header: str, mapped: bool) -> None:
    with pytest.raises(DamagedArrayError, match=r"a\.npy"):
        read_npy(with_header(tmp_path / "a.npy", header), ("int64",), mapped=mapped)


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, 127), value=st.integers(0, 255))
def test_one_wrong_byte_in_a_header_is_an_error_of_ours_or_the_same_array(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    path = saved(tmp_path_factory.getbasetemp() / "one.npy", NUMBERS)
    content = bytearray(path.read_bytes())
    content[place] = value
    path.write_bytes(content)
    try:
        found = read_npy(path, ("int64",), (24,))
    except DamagedArrayError:
        return
    np.testing.assert_array_equal(found, NUMBERS)


@pytest.mark.parametrize("count", [0, 3, 5, 10**15])
def test_numbers_fill_their_file(tmp_path: Path, count: int) -> None:
    (tmp_path / "ids.bin").write_bytes(bytes(8))
    with pytest.raises(DamagedArrayError, match=r"ids\.bin: 8 bytes"):
        map_numbers(tmp_path / "ids.bin", "uint16", count)
    assert map_numbers(tmp_path / "ids.bin", "uint16", 4).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("start", "shape"), [(0, (3,)), (16, (1,)), (-8, (1,)), (0, (-1,)), (0, (10**10, 10**10))])
def test_array_within_a_file_ends_before_the_file(tmp_path: Path, start: int, shape: tuple[int, ...]) -> None:
    NUMBERS[:2].tofile(tmp_path / "a.bin")
    with pytest.raises(DamagedArrayError):
        map_array(tmp_path / "a.bin", "<i8", start, shape)
    assert map_array(tmp_path / "a.bin", "<i8", 8, (1, 1)).tolist() == [[1]]


def test_pipes_and_folders_in_place_of_a_file_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "folder.npy").mkdir()
    for name in ("pipe.npy", "folder.npy"):
        with pytest.raises(ArtifactError, match="not a file"):
            read_npy(tmp_path / name, ("int64",))
    with pytest.raises(FileNotFoundError):
        read_npy(tmp_path / "missing.npy", ("int64",))
