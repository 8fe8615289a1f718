"""Places for results: nothing that was not named is removed, and what cannot be written is said before the work."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.storage.test_folder import MANIFEST_OF_COUNTS, dead_pid, make, names
from tests.support.program import Ran, assert_error
from tokit.errors import ArtifactError
from tokit.storage.files import check_file, replaces, writing_file
from tokit.storage.folder import check_target, kind_of, writing
from tokit.storage.targets import require_place

Cli = Callable[..., Ran]
LONG = "ü" * 127
NEVER, NPY = replaces(".npy", overwrite=False), replaces(".npy", overwrite=True)


def finish(target: Path, appear: Callable[[Path], object], *, overwrite: bool) -> None:
    """Write an artifact, at whose target something appears during the work."""
    with writing(target, overwrite=overwrite) as draft:
        make(target.with_name("other"), overwrite=True)
        (draft.path / "data.bin").write_bytes(b"finished")
        draft.manifest = MANIFEST_OF_COUNTS
        appear(target)


def folder_with_notes(target: Path) -> None:
    target.mkdir()
    (target / "notes.txt").write_text("mine")


def file_with_notes(target: Path) -> None:
    target.write_text("mine")


def dangling_link(target: Path) -> None:
    target.symlink_to("nowhere")


def artifact_of_another_run(target: Path) -> None:
    make(target.with_name("made"))
    target.with_name("made").rename(target)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("appear", [folder_with_notes, file_with_notes, dangling_link])
def test_what_appears_during_the_work_stays(tmp_path: Path, appear: Callable[[Path], object], overwrite: bool) -> None:
    target = tmp_path / "out"
    with pytest.raises(ArtifactError, match="out: appeared during the work, and is not replaced") as caught:
        finish(target, appear, overwrite=overwrite)
    assert caught.value.hint == f"the finished work is in {tmp_path / 'out.finished'}"
    assert (tmp_path / "out.finished" / "data.bin").read_bytes() == b"finished"
    assert kind_of(tmp_path / "out.finished") == "counts"
    assert sorted(names(tmp_path)) == ["other", "out", "out.finished"]
    if appear is folder_with_notes:
        assert (target / "notes.txt").read_text() == "mine"
    elif appear is file_with_notes:
        assert target.read_text() == "mine"


def test_an_artifact_that_appears_is_replaced_with_overwrite_alone(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="appeared"):
        finish(tmp_path / "out", artifact_of_another_run, overwrite=False)
    assert (tmp_path / "out" / "data.bin").read_bytes() == b"one"
    (tmp_path / "out").rename(tmp_path / "first")
    finish(tmp_path / "out", artifact_of_another_run, overwrite=True)
    assert (tmp_path / "out" / "data.bin").read_bytes() == b"finished"
    assert sorted(names(tmp_path)) == ["first", "other", "out", "out.finished"]


def test_what_was_to_be_replaced_stays_when_it_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    make(target)
    before = names(target)
    rename = Path.rename

    def no_rename_to_target(path: Path, new: str | Path) -> Path:
        if Path(new) == target and path.name.startswith(".out.tmp"):
            raise OSError(errno.EIO, "the drive is gone")
        return rename(path, new)

    monkeypatch.setattr(Path, "rename", no_rename_to_target)
    with pytest.raises(ArtifactError, match="the drive is gone") as caught:
        finish(target, lambda _: None, overwrite=True)
    assert caught.value.hint == f"the finished work is in {tmp_path / 'out.finished'}"
    assert names(target) == before and not (tmp_path / ".out.previous").exists()


def test_names_of_finished_work_are_counted(tmp_path: Path) -> None:
    for place in ("out.finished", "out.finished-2", "out.finished-3"):
        with pytest.raises(ArtifactError, match="appeared") as caught:
            finish(tmp_path / "out", lambda target: target.exists() or file_with_notes(target), overwrite=False)
        assert caught.value.hint == f"the finished work is in {tmp_path / place}"
        (tmp_path / "out").unlink()


def test_a_folder_that_appears_empty_is_filled(tmp_path: Path) -> None:
    finish(tmp_path / "out", Path.mkdir, overwrite=False)
    assert (tmp_path / "out" / "data.bin").read_bytes() == b"finished"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_during_the_work_stays(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:

        def refused(_self: Path, _to: Path) -> None:
            raise OSError(errno.EPERM, "not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refused)
    target = tmp_path / "rows.npy"
    for may_replace in (NEVER, NPY):
        with pytest.raises(ArtifactError, match="appeared"), writing_file(target, may_replace) as file:
            file.write(b"finished")
            target.write_bytes(b"mine")
        assert target.read_bytes() == b"mine"
    assert (tmp_path / "rows.npy.finished").read_bytes() == b"finished"
    assert sorted(names(tmp_path)) == ["rows.npy", "rows.npy.finished", "rows.npy.finished-2"]
    target.unlink()
    with writing_file(target, NEVER) as file:
        file.write(b"\x93NUMPY one")
    with writing_file(target, NPY) as file:
        file.write(b"\x93NUMPY two")
    assert target.read_bytes() == b"\x93NUMPY two"


@pytest.mark.parametrize("command", ["train", "count", "encode"])
def test_the_root_is_refused_before_the_work(
    cli: Cli, english_file: Path, bpe_folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"train": ["bpe"], "count": [], "encode": ["-t", bpe_folder]}[command]
    assert_error(cli(command, *options, english_file, "-o", "/"), 1, "/ is the root of a file system")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "mount"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this user may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_mount_points_are_refused_before_the_work(mounted: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is a mount point") as caught:
        check_target(mounted, overwrite=False)
    assert caught.value.hint == f"name a path within it: -o {mounted / 'out'}"
    make(mounted / "out")
    assert names(mounted) == ["out"]
    bound = tmp_path / "with space"
    bound.mkdir()
    subprocess.run(["mount", "--bind", str(tmp_path / "mount"), str(bound)], check=True)
    try:
        with pytest.raises(ArtifactError, match="is a mount point"):
            require_place(bound)
    finally:
        subprocess.run(["umount", str(bound)], check=True)


def test_binds_within_a_file_system_are_mount_points(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other \\ ü"
    one.mkdir()
    other.mkdir()
    if subprocess.run(["mount", "--bind", str(one), str(other)], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    try:
        with pytest.raises(ArtifactError, match="is a mount point"):
            require_place(other)
    finally:
        subprocess.run(["umount", str(other)], check=True)


def test_names_of_255_bytes(tmp_path: Path) -> None:
    make(tmp_path / LONG)
    make(tmp_path / LONG, b"two", overwrite=True)
    assert (tmp_path / LONG / "data.bin").read_bytes() == b"two"
    assert names(tmp_path) == [LONG]
    with writing_file(tmp_path / f"{LONG[1:]}.a", NEVER) as file:
        file.write(b"x")
    assert sorted(names(tmp_path)) == sorted([LONG, f"{LONG[1:]}.a"])
    for check in (lambda path: check_target(path, overwrite=False), lambda path: check_file(path, overwrite=False)):
        with pytest.raises(OSError, match="too long"):
            check(tmp_path / (LONG + "xx"))


@pytest.mark.parametrize("check", [check_target, check_file])
def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def read_only(path: str, mode: int = 0o777) -> None:
        if ".tokit-" in path:
            raise OSError(errno.EROFS, "Read-only file system", path)
        mkdir(path, mode)

    monkeypatch.setattr(os, "mkdir", read_only)
    with pytest.raises(OSError, match="Read-only") as caught:
        check(tmp_path / "deep" / "er" / "out", overwrite=False)
    assert caught.value.filename == str(tmp_path)


def test_the_look_before_the_work_leaves_nothing(tmp_path: Path) -> None:
    check_target(tmp_path / "a" / "b", overwrite=False)
    check_file(tmp_path / "a" / "b", overwrite=False)
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.ENOSYS])
def test_file_systems_without_modes_or_syncs(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refused)
    monkeypatch.setattr(Path, "chmod", refused)
    make(tmp_path / "out")
    with writing_file(tmp_path / "a.npy", NEVER) as file:
        file.write(b"x")
    assert sorted(names(tmp_path)) == ["a.npy", "out"]


def test_a_disk_that_breaks_is_not_taken_for_one_without_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken"):
        make(tmp_path / "out")
    assert names(tmp_path) == []


def test_drafts_of_files_that_a_kill_left_are_removed(tmp_path: Path) -> None:
    dead, alive = tmp_path / f".a.npy.tmp-{dead_pid()}", tmp_path / f".a.npy.tmp-{os.getppid()}"
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    with writing_file(tmp_path / "a.npy", NEVER) as file:
        file.write(b"x")
    assert sorted(names(tmp_path)) == [alive.name, "a.npy"]


def test_a_killed_export_leaves_a_draft_that_the_next_one_removes(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom tokit.storage.files import replaces, writing_file\n"
        "with writing_file(sys.argv[1], replaces('.npy', overwrite=False)) as file:\n"
        "    file.write(b'half')\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.npy")], timeout=60, check=False)
    assert done.returncode == -9
    assert len(names(tmp_path)) == 1
    with writing_file(tmp_path / "a.npy", NEVER) as file:
        file.write(b"x")
    assert names(tmp_path) == ["a.npy"]


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.npy").symlink_to("real.npy")
    with writing_file(tmp_path / "link.npy", NEVER) as file:
        file.write(b"\x93NUMPY one")
    with writing_file(tmp_path / "link.npy", NPY) as file:
        file.write(b"\x93NUMPY two")
    assert (tmp_path / "link.npy").is_symlink()
    assert (tmp_path / "real.npy").read_bytes() == b"\x93NUMPY two"
