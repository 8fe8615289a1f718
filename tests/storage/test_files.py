"""A .npy file written row by row."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from tokit.errors import ArtifactError
from tokit.storage.files import RowWriter, check_file, replaces, writing_rows

KEEP = replaces(".npy", overwrite=False)


@pytest.mark.parametrize(("dtype", "row_shape"), [(np.float32, (3,)), (np.int64, ())])
@pytest.mark.parametrize("lengths", [[], [0], [2, 0, 5], [1] * 1001])
def test_numpy_reads_the_rows(tmp_path: Path, dtype: type, row_shape: tuple[int, ...], lengths: list[int]) -> None:
    parts = [np.arange(n * int(np.prod(row_shape))).reshape(n, *row_shape).astype(dtype) for n in lengths]
    with writing_rows(tmp_path / "new" / "rows.npy", KEEP, dtype, row_shape) as writer:
        for part in parts:
            writer.append(part)
    read = np.load(tmp_path / "new" / "rows.npy", allow_pickle=False)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, np.concatenate([np.zeros((0, *row_shape), dtype=dtype), *parts]))


@pytest.mark.parametrize("length", [0, 1, 10**18])
@pytest.mark.parametrize("dtype", ["<u2", "<u4", "<i8"])
def test_header_has_room_for_any_length(length: int, dtype: str) -> None:
    file = io.BytesIO()
    writer = RowWriter(file, dtype, ())
    size = len(file.getvalue())
    writer.rows = length
    writer.finish()
    assert len(file.getvalue()) == size == 128
    file.seek(0)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == ((length,), False, np.dtype(dtype))


def test_what_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "rows.npy"
    target.write_bytes(b"old")

    def half() -> None:
        with writing_rows(target, KEEP, np.float32, (2,)) as writer:
            writer.append(np.zeros((3, 2)))
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        half()
    assert [file.name for file in tmp_path.iterdir()] == ["rows.npy"]
    assert target.read_bytes() == b"old"


def test_targets_are_checked_before_the_work(tmp_path: Path) -> None:
    np.save(tmp_path / "there.npy", np.zeros(2))
    check_file(tmp_path / "new.npy", overwrite=False)
    check_file(tmp_path / "there.npy", overwrite=True)
    with pytest.raises(ArtifactError, match="exists"):
        check_file(tmp_path / "there.npy", overwrite=False)
    with pytest.raises(ArtifactError, match="is a folder"):
        check_file(tmp_path, overwrite=True)


@pytest.mark.parametrize("data", [b"", b"my thesis", b"\x93NUMP"])
def test_what_is_no_npy_is_not_replaced(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mine").write_bytes(data)
    with pytest.raises(ArtifactError, match=r"mine is no \.npy file") as caught:
        check_file(tmp_path / "mine", overwrite=True)
    assert "another -o" in caught.value.hint


@pytest.mark.timeout(20)
def test_a_pipe_is_no_npy(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArtifactError, match=r"pipe is no \.npy file"):
        check_file(tmp_path / "pipe", overwrite=True)
