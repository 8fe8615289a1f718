"""Find the files behind the names that the user gives: files, folders, globs, URIs, `@names`, `-`."""

from __future__ import annotations

import codecs
import glob
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tokit.corpus.byte_stream import PIECE, STDIN, ReadStats, cannot_read, open_stream
from tokit.corpus.formats import known_format
from tokit.errors import CorpusError, UsageError
from tokit.registry import near_names
from tokit.storage.folder import kind_of
from tokit.storage.hub_names import SCHEME, parse_uri

JSON_NAME = re.compile(r"\.json(\.(gz|bz2|xz|zst|zstd))?$", re.IGNORECASE)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def _unsaid(_kind: str, _message: str) -> None:
    """Drop a note."""


@dataclass(frozen=True, slots=True)
class Located:
    """A source before it is opened.

    Attributes:
        name: As given, for messages; the name in the folder when a folder was given.
        path: The file; None for standard input.
        format: Of a bundled corpus; None to go by the extension.
        unit: Document boundary of a bundled corpus; None for a line.
    """

    name: str
    path: Path | None
    format: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """Settings of a search in folders.

    Attributes:
        field: Field that records in `.json` files must have.
        note: Called with what was passed over: a kind and a message.
    """

    field: str = "text"
    note: Callable[[str, str], None] = _unsaid


def locate(paths: Sequence[str], files_from: str | None, search: Search) -> list[Located]:
    """Find all sources, in the order they were named.

    Args:
        paths: Names.
        files_from: A file, or "-", with further names.
        search: Settings of a search in folders.

    Raises:
        UsageError: standard input is named twice, or a corpus name is unknown.
        CorpusError: there is no such file, a folder or list holds none, or the file may not be read.
    """
    _check_inputs([*paths, files_from])
    listed = [] if files_from is None else _listed(files_from)
    names = [*paths, *listed]
    _check_inputs([*names, files_from])
    if not names:
        return [Located(STDIN, None)]
    return [located for name in names for located in _locate(name, search)]


def _check_inputs(names: Sequence[str | None]) -> None:
    if names.count("-") > 1:
        raise UsageError("standard input is named twice", hint="it can be read only once: name '-' once")


def _listed(files_from: str) -> list[str]:
    path = None if files_from == "-" else Path(files_from)
    with open_stream(files_from, path, None, ReadStats()) as stream:
        content = b"".join(iter(lambda: stream.read(PIECE), b""))
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    names = [os.fsdecode(line.rstrip(b"\r")) for line in lines if line.strip()]
    if not names:
        raise CorpusError(f"{files_from}: the list names no file", hint="it should hold one name a line")
    return names


def _locate(name: str, search: Search) -> list[Located]:
    if name == "-":
        return [Located(STDIN, None)]
    if name.startswith("@"):
        return _named(name, search)
    if not name:
        raise CorpusError("a file name is empty", hint="a shell variable may be unset")
    if name.startswith(SCHEME):
        return _on_the_hub(name, search)
    if _URI.match(name):
        return _path(_local(name), name, search)
    return _path(name, name, search)


def _on_the_hub(name: str, search: Search) -> list[Located]:
    # huggingface_hub takes long to import.
    from tokit.storage.hub import dataset_files

    named = parse_uri(name)
    if not named.dataset:
        raise CorpusError(f"{name} is a model, not text", hint="hf://datasets/ORG/NAME/FILE names a file of a dataset")
    files = [(path, str(replace(named, path=inner))) for path, inner in dataset_files(named)]
    known = [(path, inner) for path, inner in files if known_format(path.name)[0] is not None] or files
    return [located for path, inner in known for located in _existing(str(path), inner, search)]


def _named(name: str, search: Search) -> list[Located]:
    from tokit.corpus.bundled import find_bundled

    found = find_bundled(name)
    located = _path(str(found.path), name, search)
    return [Located(file.name, file.path, found.format, found.unit) for file in located]


def _local(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        raise CorpusError(
            f"{uri}: remote files cannot be read yet (the extra 'remote' will bring that)",
            hint="download it first, or pipe it in: curl -s URL | tokit …; hf://datasets/ORG/NAME/FILE is read",
        )
    return unquote(parts.path)


def _path(path: str, name: str, search: Search) -> list[Located]:
    if os.path.lexists(path):
        return list(_existing(path, name, search))
    if glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 (a pattern may be absolute)
        if not matches:
            raise CorpusError(f"{name}: no file matches", hint="quote the pattern, and check the folder it starts in")
        return [located for match in matches for located in _existing(match, match, search)]
    hint = f"a text itself goes through a pipe: echo '{name}' | tokit …" if " " in name else near_names(path)
    raise CorpusError(f"{name}: no such file or folder", hint=hint)


def _existing(path: str, name: str, search: Search) -> Iterator[Located]:
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise cannot_read(name, error) from error
    if stat.S_ISDIR(mode):
        yield from _folder(path, name, search)
        return
    # Checked now, so that the last of many files does not end the work after hours.
    if not os.access(path, os.R_OK):
        raise CorpusError(f"{name}: permission denied", hint="check its permissions")
    yield Located(name, Path(path))


def _folder(path: str, name: str, search: Search) -> Iterator[Located]:
    kind = kind_of(path)
    if kind is not None:
        hint = "tokit fit reads shards, and tokit decode" if kind == "shards" else "name text, or a folder of text"
        raise CorpusError(f"{name} is an artifact of tokit (kind '{kind}'), not text", hint=hint)
    found, passed_over, dangling = _text_files(path, name, search)
    if dangling:
        example = Path(name) / Path(min(dangling)).relative_to(path)
        search.note(f"links in {name}", f"{name}: links that lead nowhere: {len(dangling):,} ({example})")
    if not found:
        raise CorpusError(
            f"{name}: the folder holds no file of a known format",
            hint="name the files by a pattern, such as 'folder/**/*.py'",
        )
    if passed_over:
        example = Path(name) / Path(min(passed_over)).relative_to(path)
        search.note(
            f"passed over {name}", f"{name}: files passed over, as they are no text: {len(passed_over):,} ({example})"
        )
    for file in sorted(found):
        yield from _existing(file, str(Path(name) / Path(file).relative_to(path)), search)


def _text_files(path: str, name: str, search: Search) -> tuple[list[str], list[str], list[str]]:
    """Files of known formats, in linked folders too, the others, and links that lead nowhere; hidden ones are none."""

    def refuse(error: OSError) -> None:
        raise cannot_read(name, error) from error

    found: list[str] = []
    passed_over: list[str] = []
    dangling: list[str] = []
    seen: set[tuple[int, int]] = set()
    _is_new(Path(path), seen)
    for folder, folders, files in os.walk(path, onerror=refuse, followlinks=True):
        folders[:] = [child for child in folders if not child.startswith(".") and _is_new(Path(folder) / child, seen)]
        for file in files:
            if not file.startswith("."):
                whole = Path(folder) / file
                # A link to a folder that is gone is among the files, too.
                leads_nowhere = whole.is_symlink() and not whole.exists()
                group = dangling if leads_nowhere else found if _is_text(whole, search.field) else passed_over
                group.append(str(whole))
    return found, passed_over, dangling


def _is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """True for a folder that was not searched yet: links may lead in a circle."""
    try:
        status = folder.stat()
    except OSError:
        return False
    place = (status.st_dev, status.st_ino)
    new = place not in seen
    seen.add(place)
    return new


def _is_text(file: Path, field: str) -> bool:
    """True for a file of a known format, and for JSON lines that have the field."""
    known, compression = known_format(file.name)
    if known is not None or not JSON_NAME.search(file.name):
        return known is not None and file.is_file()
    # Only folders with such files need it, and it imports this module.
    from tokit.corpus.sniff import holds_records

    return file.is_file() and holds_records(str(file), compression, field)
