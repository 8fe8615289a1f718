"""How an artifact lies on disk: a folder with a manifest, whole or not at all.

A folder is written beside its target, synced, and renamed. `--overwrite` moves the old folder aside first; a crash
between the two renames leaves the old one under `.NAME.previous`, and the next look at NAME puts it back.
tokit replaces only folders that carry its manifest. Nothing is ever pickled.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, overload

from tokit.errors import ArtifactError
from tokit.registry import did_you_mean, near_names
from tokit.storage.format_1 import from_format_1
from tokit.storage.manifests import FORMAT_VERSION, MANIFESTS, Manifest
from tokit.storage.typed_json import MismatchError, typed

MANIFEST = "tokit.json"
# Kinds whose manifests are not typed yet: what each must hold for its readers.
KINDS: dict[str, dict[str, type]] = {
    "embedding": {"vocab_size": int, "dim": int, "special_ids": list},
    "contextual": {"family": str, "vocab_size": int, "dim": int, "context": int},
    "onnx": {"family": str, "vocab_size": int, "dim": int, "context": int},
}
ENGINES_OF = {"contextual": ("torch", "transformers")}
AGAIN = "make the artifact again"
M = TypeVar("M", bound=Manifest)


@dataclass
class Draft:
    """A folder that is being written: put files in `path`, facts in `manifest`.

    Attributes:
        path: The folder.
        manifest: What its manifest says besides kind, versions and files.
        digests: The sha256 of files, by name, where it is known already.
    """

    path: Path
    manifest: Manifest | dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


@cache
def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Versions of tokit and of some libraries."""
    return {name: metadata.version(name) for name in ("tokit", *libraries)}


def sha256_file(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dump_json(value: Any, path: Path) -> None:
    """Write JSON the one way that we write it: UTF-8, indented, a newline at the end."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: the file is missing, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right?") from error
    except ValueError as error:
        raise ArtifactError(
            f"{path}: broken JSON: {error}", hint="the file is cut off or damaged; make it again"
        ) from error


def check_target(target: str | Path, *, overwrite: bool) -> None:
    """Refuse a target before the work starts.

    Raises:
        ArtifactError: something is there and `overwrite` was not given, or it is not ours to replace.
    """
    path = _resolved(target)
    recover(path)
    if not (path.exists() or path.is_symlink()) or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise ArtifactError(f"{target} exists", hint="pass --overwrite, or another -o")
    if not (path / MANIFEST).is_file():
        raise ArtifactError(
            f"{target} is no artifact of tokit (no {MANIFEST}), so it is not replaced",
            hint="remove it, or pass another -o",
        )


@contextlib.contextmanager
def writing(target: str | Path, kind: str, *, overwrite: bool = False) -> Iterator[Draft]:
    """Write an artifact: `with writing("tok", "tokenizer") as draft: …` appears whole when the block ends well.

    Args:
        target: The folder to appear.
        kind: "tokenizer", "counts", "shards", "embedding", "contextual", "onnx".
        overwrite: Replace a folder of ours that is there.

    Yields:
        A draft; what its block leaves in `draft.path` becomes the artifact, with `draft.manifest` in its manifest.

    Raises:
        ArtifactError: see `check_target`.
    """
    check_target(target, overwrite=overwrite)
    path = _resolved(target)
    with folders_on_the_way(path):
        _remove_dead_drafts(path)
        draft = Draft(path.with_name(f".{path.name}.tmp-{os.getpid()}"))
        draft.path.mkdir()
        try:
            yield draft
            _seal(draft, kind)
            _swap(draft.path, path)
        finally:
            shutil.rmtree(draft.path, ignore_errors=True)


@contextlib.contextmanager
def folders_on_the_way(path: Path) -> Iterator[None]:
    """Make the folders that a path lies in; when the block fails, those that are still empty go again."""
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@overload
def read_manifest(folder: str | Path, kind: type[M]) -> M: ...
@overload
def read_manifest(folder: str | Path, kind: str | None = None) -> dict[str, Any]: ...
def read_manifest(folder: str | Path, kind: str | type[Manifest] | None = None) -> Manifest | dict[str, Any]:
    """The manifest of an artifact.

    Args:
        folder: The artifact.
        kind: Of it; None takes any.

    Raises:
        ArtifactError: no folder, no manifest, a broken one, one of another kind or of a newer format.
    """
    path = _resolved(folder)
    recover(path)
    if not path.exists():
        raise ArtifactError(f"{folder}: no such file or folder", hint=near_names(folder))
    if not (path / MANIFEST).is_file():
        raise ArtifactError(
            f"{folder} is not an artifact of tokit (no {MANIFEST})", hint="tokit inspect shows what a path is"
        )
    entries = _entries(path / MANIFEST)
    name = kind.kind if isinstance(kind, type) else kind
    if name is not None and entries["kind"] != name:
        raise ArtifactError(
            f"{folder} holds {_a(entries['kind'])}, not {_a(name)}", hint=f"give the path of {_a(name)}"
        )
    if entries["kind"] not in MANIFESTS:
        _require_entries(entries, path / MANIFEST)
        return entries
    manifest = _typed(MANIFESTS[entries["kind"]], entries, path / MANIFEST)
    return manifest if isinstance(kind, type) else manifest.as_json()


def _entries(path: Path) -> dict[str, Any]:
    """Entries of a manifest of a kind and version that are known, as this version names them.

    Raises:
        ArtifactError: it is not one.
    """
    entries = read_json(path)
    if not isinstance(entries, dict) or not isinstance(entries.get("kind"), str):
        raise ArtifactError(f"{path}: not a manifest of tokit", hint=AGAIN)
    version = entries.get("format_version")
    if type(version) is not int:
        raise _damaged(path, "format_version")
    if version > FORMAT_VERSION:
        raise ArtifactError(f"{path}: written by a newer tokit", hint="pip install --upgrade tokit")
    kinds = [*MANIFESTS, *KINDS]
    if entries["kind"] not in kinds:
        raise ArtifactError(f"{path}: unknown kind '{entries['kind']}'", hint=did_you_mean(entries["kind"], kinds))
    return from_format_1(entries) if version == 1 else entries


def _typed(kind: type[M], entries: dict[str, Any], path: Path) -> M:
    """Entries as the manifest of a kind.

    Raises:
        ArtifactError: the first entry that is missing, or of another type.
    """
    if not isinstance(entries.get("files"), dict):
        raise _damaged(path, "files")
    try:
        manifest: M = typed(kind, entries)
    except MismatchError as error:
        raise _damaged(path, str(error)) from None
    return manifest


def _damaged(path: Path, entry: str) -> ArtifactError:
    return ArtifactError(f"{path}: its entry '{entry}' is missing or damaged", hint=AGAIN)


def _require_entries(manifest: dict[str, Any], path: Path) -> None:
    """Refuse a manifest without the entries that the readers of its kind rely on.

    Raises:
        ArtifactError: the first entry that is missing, or of another type.
    """
    expected = {"format_version": int, "files": dict, **KINDS[manifest["kind"]]}
    for name, kind in expected.items():
        if not isinstance(manifest.get(name), kind):
            raise _damaged(path, name)


def kind_of(path: str | Path) -> str | None:
    """The kind of artifact at a path, or None when it is not one of ours."""
    folder = _resolved(path)
    recover(folder)
    return str(read_manifest(folder)["kind"]) if (folder / MANIFEST).is_file() else None


def changed_files(folder: str | Path) -> list[str]:
    """Files of an artifact that are missing or no longer have the sha256 of the manifest."""
    manifest = read_manifest(folder)
    path = _resolved(folder)
    return [
        name
        for name, digest in manifest["files"].items()
        if not (path / name).is_file() or sha256_file(path / name) != digest
    ]


def recover(path: Path) -> None:
    """Put back what a crash in the middle of a replacement left aside."""
    previous = _previous(path)
    if previous.is_dir() and not path.exists():
        previous.rename(path)


def _a(kind: str) -> str:
    return kind if kind.endswith("s") else f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _resolved(target: str | Path) -> Path:
    # Without this "out/" and "." have no usable name, and a symlink would be replaced by a folder.
    return Path(target).resolve()


def _previous(path: Path) -> Path:
    return path.with_name(f".{path.name}.previous")


def _seal(draft: Draft, kind: str) -> None:
    # Some libraries leave files that their owner alone may read; the folder has the mode that the user wants.
    mode = stat.S_IMODE(draft.path.stat().st_mode) & 0o666
    names = sorted(file.relative_to(draft.path).as_posix() for file in draft.path.rglob("*") if file.is_file())
    files = {name: draft.digests.get(name) or sha256_file(draft.path / name) for name in names}
    dump_json(_sealed(draft.manifest, kind, files), draft.path / MANIFEST)
    for name in (*names, MANIFEST):
        (draft.path / name).chmod(mode)
        _sync(draft.path / name)
    _sync(draft.path)


def _sealed(manifest: Manifest | dict[str, Any], kind: str, files: dict[str, str]) -> dict[str, Any]:
    if isinstance(manifest, Manifest):
        return replace(manifest, versions=versions(manifest.libraries), files=files).as_json()
    libraries = Manifest.libraries + ENGINES_OF.get(kind, ())
    head = {"kind": kind, "format_version": FORMAT_VERSION}
    return {**head, **manifest, "versions": versions(libraries), "files": files}


def _swap(new: Path, target: Path) -> None:
    previous = _previous(target)
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    new.rename(target)
    _sync(target.parent)
    shutil.rmtree(previous, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_dead_drafts(path: Path) -> None:
    """Remove what killed runs left beside the target; a run that is alive keeps its draft."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.tmp-*"):
        pid = draft.name.rpartition("-")[2]
        # In a container every run may have the same number, so a draft with ours is an old one too.
        if pid.isdigit() and (int(pid) == os.getpid() or not _alive(int(pid))):
            shutil.rmtree(draft, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
