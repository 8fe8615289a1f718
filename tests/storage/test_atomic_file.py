"""A file that is replaced whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tokit.storage.atomic_file import replacing


@pytest.mark.parametrize("sync", [True, False])
def test_draft_becomes_the_target(tmp_path: Path, sync: bool) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with replacing(target, tmp_path / "draft", sync=sync) as draft:
        draft.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_failure_keeps_the_target_and_removes_the_draft(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(error), replacing(target, tmp_path / "draft") as draft:
        draft.write_bytes(b"half")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "file", tmp_path / "draft") as draft:
            draft.write_bytes(b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
