"""Places for results: looked at before the work, and filled at its end without removing what was not named.

Work is done in a hidden draft beside its target. What appears at the target meanwhile stays: the finished work is then
kept beside it, under a name of its own.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from tokit.errors import ArtifactError

Replaces: TypeAlias = Callable[[Path], bool]
ON_WINDOWS = os.name == "nt"
# Names have 255 bytes on most file systems; a hidden one adds a dot and a number to them.
LONGEST_SHOWN = 200
# Of systems that cannot sync a folder, set a mode, or link a file: exFAT, some network drives.
NOT_SUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EMLINK}
# Of a rename or link to what exists.
TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}
MOUNTS = Path("/proc/self/mountinfo")


def hidden(path: Path, ending: str) -> Path:
    """A hidden name beside a path, for what is not finished."""
    name = path.name
    if len(os.fsencode(name)) > LONGEST_SHOWN:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}.{ending}")


def draft_of(path: Path) -> Path:
    """The draft of a path in this process."""
    return hidden(path, f"tmp-{os.getpid()}")


def require_place(path: Path) -> None:
    """Check that a file or folder could be put at a path, before the work.

    Raises:
        ArtifactError: the root of a file system, or a mount point, which a result cannot replace.
        OSError: nothing can be written beside it, or the name is too long.
    """
    inside = f"name a path within it: -o {path / 'out'}"
    if not path.name:
        raise ArtifactError(f"{path} is the root of a file system", hint=inside)
    if path.is_mount() or str(path) in _mount_points():
        raise ArtifactError(f"{path} is a mount point, which a result cannot replace", hint=inside)
    # Says that the name is too long, before the work.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.lstat()
    folder = next(place for place in path.parents if place.exists())
    _try_out(folder)


def _try_out(folder: Path) -> None:
    """Do in a folder what will be done at the end: make one in it, write, rename, remove."""
    try:
        probe = Path(tempfile.mkdtemp(prefix=".tokit-", dir=folder))
    except OSError as error:
        # The name of the probe would mean nothing to anybody.
        raise OSError(error.errno, error.strerror, str(folder)) from error
    place = probe
    try:
        (probe / "file").write_bytes(b"tokit")
        (probe / "file").unlink()
        place = probe.rename(f"{probe}-2")
    finally:
        place.rmdir()


def _mount_points() -> set[str]:
    """Mount points that `ismount` does not know: binds within one file system."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return set()
    # The fifth field, where a space is written \040.
    fields = (line.split()[4] for line in lines)
    return {os.fsdecode(field.decode("unicode_escape").encode("latin-1")) for field in fields}


@contextlib.contextmanager
def folders_on_the_way(path: Path) -> Iterator[None]:
    """Make the folders that a path lies in; when the block fails, those that are still empty go again."""
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def drafted_folder(path: Path, may_replace: Replaces) -> Iterator[Path]:
    """Make a folder beside `path`, which it becomes when the block ends well.

    Args:
        path: Its name to be, resolved.
        may_replace: True for what lies there when that was asked to be replaced; asked at the end.

    Yields:
        The folder.

    Raises:
        ArtifactError: something is there at the end that may not be replaced; the finished folder is kept beside it.
    """
    draft = draft_of(path)
    with folders_on_the_way(path):
        remove_dead_drafts(path)
        draft.mkdir()
        try:
            yield draft
            _put_folder(draft, path, may_replace)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def drafted_file(path: Path, may_replace: Replaces) -> Iterator[Path]:
    """A file beside `path` to be written, which it becomes when the block ends well; see `drafted_folder`."""
    draft = draft_of(path)
    with folders_on_the_way(path):
        remove_dead_drafts(path)
        try:
            yield draft
            sync(draft)
            _put_file(draft, path, may_replace)
        finally:
            draft.unlink(missing_ok=True)


def _put_folder(draft: Path, target: Path, may_replace: Replaces) -> None:
    previous = hidden(target, "previous")
    with _kept_beside(draft, target):
        aside = _is_filled(target) and may_replace(target)
        if aside:
            shutil.rmtree(previous, ignore_errors=True)
            target.rename(previous)
        elif ON_WINDOWS and target.is_dir():
            target.rmdir()
        try:
            # Over an empty folder, or nothing; over anything else this fails by itself.
            draft.rename(target)
        except OSError:
            if aside and not os.path.lexists(target):
                previous.rename(target)
            raise
    sync(target.parent)
    if aside:
        shutil.rmtree(previous, ignore_errors=True)


def _put_file(draft: Path, target: Path, may_replace: Replaces) -> None:
    with _kept_beside(draft, target):
        if os.path.lexists(target) and may_replace(target):
            draft.replace(target)
            return
        try:
            # Fails when something has that name, where a rename would replace it.
            target.hardlink_to(draft)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            draft.rename(target)


def _is_filled(target: Path) -> bool:
    return os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir()))


@contextlib.contextmanager
def _kept_beside(draft: Path, target: Path) -> Iterator[None]:
    """Give the draft a name that a user sees when the block cannot put it in its place.

    Raises:
        ArtifactError: it could not; the message says where the work is.
    """
    try:
        yield
    except OSError as error:
        place = draft.rename(_visible_name(target))
        appeared = error.errno in TAKEN and os.path.lexists(target)
        reason = "appeared during the work, and is not replaced" if appeared else f"{error.strerror}"
        raise ArtifactError(f"{target}: {reason}", hint=f"the finished work is in {place}") from error


def _visible_name(target: Path) -> Path:
    number = 1
    while True:
        name = f"{target.name[:LONGEST_SHOWN]}.finished{f'-{number}' if number > 1 else ''}"
        if not os.path.lexists(target.with_name(name)):
            return target.with_name(name)
        number += 1


def remove_dead_drafts(path: Path) -> None:
    """Remove what killed runs left beside a target; a run that is alive keeps its draft."""
    for draft in path.parent.glob(f"{glob.escape(hidden(path, 'tmp').name)}-*"):
        pid = draft.name.rpartition("-")[2]
        # In a container every run may have the same number, so a draft with ours is an old one too.
        if not pid.isdigit() or (int(pid) != os.getpid() and _alive(int(pid))):
            continue
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    # There os.kill ends a process, whatever the signal; a draft too many does no harm.
    if ON_WINDOWS:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sync(path: Path) -> None:
    """Bring a file or folder to the disk, where its file system can."""
    # Windows syncs files that are open for writing, and no folders.
    if ON_WINDOWS and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if ON_WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def set_mode(path: Path, mode: int) -> None:
    """Set who may read and write a file, where its file system can."""
    try:
        path.chmod(mode)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
