"""Artifacts on disk: folders with a manifest, written whole or not at all.

A folder is written beside its target, synced, and renamed. `--overwrite` moves the old folder aside first; a crash
between the two renames leaves the old one under `.NAME.previous`, and the next look at NAME puts it back.
tokit replaces only folders that carry its manifest. Nothing is ever pickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
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
from tokit.storage.model_card import CARD, KINDS, model_card
from tokit.storage.recorded_request import current_request
from tokit.storage.stranger_files import open_regular, refuse_links_out
from tokit.storage.targets import drafted_folder, hidden, require_place, set_mode, sync
from tokit.storage.typed_json import MismatchError, typed

MANIFEST = "tokit.json"
AGAIN = "make the artifact again"
M = TypeVar("M", bound=Manifest)


@dataclass
class Draft:
    """A folder that is being written: put files in `path`, and set `manifest`.

    Attributes:
        path: The folder.
        manifest: Of the artifact; to be set before the block ends.
        digests: The sha256 of files, by name, where it is known already.
    """

    path: Path
    manifest: Manifest | None = None
    digests: dict[str, str] = field(default_factory=dict)


@cache
def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Versions of tokit and of those of the libraries that are installed."""
    found = {}
    for name in ("tokit", *libraries):
        # gensim has no wheel for every Python.
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


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
        with open_regular(path) as file:
            return json.loads(file.read())
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right?") from error
    # Brackets within brackets exhaust the parser's stack.
    except (ValueError, RecursionError) as error:
        raise ArtifactError(
            f"{path}: broken JSON: {error}", hint="the file is truncated or damaged; make it again"
        ) from error


def check_target(target: str | Path, *, overwrite: bool) -> None:
    """Refuse a target before the work starts.

    Raises:
        ArtifactError: something is there and `overwrite` was not given, or it is not ours to replace.
    """
    path = _resolved(target)
    require_place(path)
    recover(path)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise ArtifactError(f"{target} exists", hint="pass --overwrite, or another -o")
    if not is_artifact(path):
        raise ArtifactError(
            f"{target} is no artifact of tokit (no {MANIFEST}), so it is not replaced",
            hint="remove it, or pass another -o",
        )


def is_artifact(path: Path) -> bool:
    """True for a folder with a manifest of ours."""
    return (path / MANIFEST).is_file()


@contextlib.contextmanager
def writing(target: str | Path, *, overwrite: bool = False) -> Iterator[Draft]:
    """Write an artifact: `with writing("tok") as draft: …` appears whole when the block ends without an error.

    Args:
        target: The folder to appear.
        overwrite: Replace a folder of ours that is there.

    Yields:
        A draft; what its block leaves in `draft.path` becomes the artifact, with `draft.manifest` beside it.

    Raises:
        ArtifactError: see `check_target`.
    """
    check_target(target, overwrite=overwrite)
    path = _resolved(target)
    with drafted_folder(path, lambda there: overwrite and is_artifact(there)) as place:
        draft = Draft(place)
        yield draft
        _seal(draft)


@overload
def read_manifest(folder: str | Path) -> Manifest: ...
@overload
def read_manifest(folder: str | Path, kind: type[M]) -> M: ...
def read_manifest(folder: str | Path, kind: type[Manifest] = Manifest) -> Manifest:
    """The manifest of an artifact.

    Args:
        folder: The artifact.
        kind: The dataclass of its kind; `Manifest` takes any.

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
    if kind is not Manifest and entries["kind"] != kind.kind:
        raise ArtifactError(
            f"{folder} holds {_a(entries['kind'])}, not {_a(kind.kind)}", hint=f"give the path of {_a(kind.kind)}"
        )
    return _typed(MANIFESTS.get(entries["kind"]), entries, path / MANIFEST)


def _entries(path: Path) -> dict[str, Any]:
    """Entries of a manifest of a kind and version that are known, as this version names them.

    Raises:
        ArtifactError: it is not one.
    """
    refuse_links_out(path.parent)
    entries = read_json(path)
    if not isinstance(entries, dict) or not isinstance(entries.get("kind"), str):
        raise ArtifactError(f"{path}: not a manifest of tokit", hint=AGAIN)
    version = entries.get("format_version")
    if type(version) is not int:
        raise _damaged(path, "format_version")
    if version > FORMAT_VERSION:
        raise ArtifactError(f"{path}: written by a newer tokit", hint="pip install --upgrade tokit")
    try:
        entries = from_format_1(entries) if version == 1 else entries
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ArtifactError(f"{path}: an entry is missing or damaged ({error})", hint=AGAIN) from error
    if entries["kind"] not in MANIFESTS:
        raise ArtifactError(
            f"{path}: unknown kind '{entries['kind']}'", hint=did_you_mean(entries["kind"], list(MANIFESTS))
        )
    return entries


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
        raise _damaged(path, error.path, error.fault) from None
    return manifest


def _damaged(path: Path, entry: str, fault: str = "is missing or damaged") -> ArtifactError:
    return ArtifactError(f"{path}: its entry '{entry}' {fault}", hint=AGAIN)


def kind_of(path: str | Path) -> str | None:
    """The kind of artifact at a path, or None when it is not one of ours."""
    folder = _resolved(path)
    recover(folder)
    return str(_entries(folder / MANIFEST)["kind"]) if (folder / MANIFEST).is_file() else None


def changed_files(folder: str | Path) -> list[str]:
    """Files of an artifact that are missing or no longer have the sha256 of the manifest."""
    manifest = read_manifest(folder)
    path = _resolved(folder)
    return [
        name
        for name, digest in manifest.files.items()
        if not (path / name).is_file() or sha256_file(path / name) != digest
    ]


def recover(path: Path) -> None:
    """Put back what a crash in the middle of a replacement left aside."""
    # The root has no name, and nothing beside it.
    if not path.name:
        return
    previous = hidden(path, "previous")
    if previous.is_dir() and not path.exists():
        previous.rename(path)


def _a(kind: str) -> str:
    name = kind.replace("-", " ")
    return name if name.endswith("s") else f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _resolved(target: str | Path) -> Path:
    # Without this "out/" and "." have no usable name, and a symlink would be replaced by a folder.
    return Path(target).resolve()


def _seal(draft: Draft) -> None:
    # Some libraries leave files that their owner alone may read; the folder has the mode that the user wants.
    mode = stat.S_IMODE(draft.path.stat().st_mode) & 0o666
    # A card is there to be edited: it is not sealed.
    (draft.path / CARD).unlink(missing_ok=True)
    names = sorted(file.relative_to(draft.path).as_posix() for file in draft.path.rglob("*") if file.is_file())
    files = {name: draft.digests.get(name) or sha256_file(draft.path / name) for name in names}
    if draft.manifest is None:
        raise ValueError(f"{draft.path}: an artifact without a manifest")
    made_with = versions(draft.manifest.libraries)
    manifest = replace(draft.manifest, request=current_request(), versions=made_with, files=files)
    dump_json(manifest.as_json(), draft.path / MANIFEST)
    cards = _write_card(draft.path, manifest)
    for name in (*names, MANIFEST, *cards):
        set_mode(draft.path / name, mode)
        sync(draft.path / name)
    sync(draft.path)


def _write_card(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Write the model card of an artifact that may go to a hub."""
    if manifest.kind not in KINDS:
        return ()
    (folder / CARD).write_text(model_card(manifest.as_json()), encoding="utf-8")
    return (CARD,)
