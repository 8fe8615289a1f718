"""Load a tokenizer from a folder or file, of tokit or of another tool.

A folder with tokit's manifest is loaded by its kind; other folders and files by their names, which the formats in
`tokit/tokenizer/formats` declare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokit.errors import ArtifactError
from tokit.ids import SHARDS_TOKENIZER
from tokit.storage.folder import MANIFEST, kind_of
from tokit.storage.hub_names import hub_name, origin_of
from tokit.text.library_failures import library_opens
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.chat.template_files import read_chat_templates
from tokit.tokenizer.formats import FORMATS
from tokit.tokenizer.notes import announce
from tokit.tokenizer.tokenizer_folder import read_tokenizer_folder

if TYPE_CHECKING:
    from tokit.tokenizer.formats.base import TokenizerFormat

# nanochat and others keep tokenizers so.
PICKLES = (".pkl", ".pickle")


# Of a repository these are fetched first; other formats only where there is no tokenizer.json.
COMPLETE_FILE = "tokenizer.json"
SETTINGS_FILES = (
    MANIFEST, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json", "chat_template.*",
)  # fmt: skip


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Load a tokenizer of tokit or of another tool.

    What a foreign file leaves open and tokit assumes is in its `notes`.

    >>> import tokit
    >>> tokenizer = tokit.load_tokenizer("tok")
    >>> tokenizer.decode(tokenizer.encode("hello world"))
    'hello world'

    Args:
        path: A tokenizer folder; shards, an embedding or a model of tokit, for the tokenizer that they were made
            with; a folder that transformers loads; a file of another tool; or the name of a model on the Hugging Face
            Hub, "ORG/NAME" or "ORG/NAME@REVISION", or of an encoding of tiktoken, unless there is such a path.

    Raises:
        ArtifactError: nothing is at this path, or no tokenizer that tokit knows, or a damaged one.
    """
    with library_opens(path):
        tokenizer = _load_encoding(str(path)) or _load_path(path)
    tokenizer.path = str(path)
    announce(path, tokenizer.notes)
    return tokenizer


def _load_encoding(name: str) -> Tokenizer | None:
    if "_" not in name or Path(name).exists():
        return None
    # Only names that are no paths need it.
    from tokit.tokenizer.formats.tiktoken_names import is_encoding_name, load_encoding

    return load_encoding(name) if is_encoding_name(name) else None


def _load_path(path: str | Path) -> Tokenizer:
    place = _local(path)
    tokenizer = _load(place)
    origin = origin_of(place)
    if origin:
        tokenizer.identity = replace(tokenizer.identity, source=origin)
    return tokenizer


def _local(path: str | Path) -> Path:
    """A path as it is, or the cached snapshot of a repository on the Hub, with no other file than a tokenizer's."""
    named = hub_name(path)
    if named is None:
        return Path(path)
    # Most tokenizers are on disk already, and huggingface_hub takes long to import.
    from tokit.storage.hub import snapshot

    folder = snapshot(named, (*SETTINGS_FILES, COMPLETE_FILE), may_lack_all=True)
    if not (folder / COMPLETE_FILE).is_file():
        commit = replace(named, revision=folder.name)
        snapshot(commit, (*SETTINGS_FILES, "*.tiktoken", *sorted(folder_files())))
    return folder / named.path


def _load(place: Path) -> Tokenizer:
    kind = kind_of(place)
    if kind == "shards":
        return _load(place / SHARDS_TOKENIZER)
    if kind is not None or not place.exists():
        tokenizer = _load_artifact(place, kind)
    else:
        tokenizer = _load_file(place) if place.is_file() else _load_folder(place)
    tokenizer.chat_templates = read_chat_templates(place if place.is_dir() else place.parent)
    return tokenizer


def _load_artifact(folder: Path, kind: str | None) -> Tokenizer:
    if kind in ("embedding", "language-model", "onnx-model"):
        return FORMATS.get("tokenizer.json").load(folder / "tokenizer.json")
    return read_tokenizer_folder(folder)


def _load_file(path: Path) -> Tokenizer:
    for known in _formats():
        if known.matches(path):
            return known.load(path)
    if path.suffix in PICKLES:
        raise ArtifactError(
            f"{path}: a pickle, which is never opened because it can run code", hint="save it as a tokenizer.json"
        )
    raise ArtifactError(
        f"{path}: not a tokenizer that tokit knows",
        hint=f"{', '.join(known.files for known in _formats())}, or a folder with one",
    )


def _load_folder(folder: Path) -> Tokenizer:
    for known in _formats():
        for name in known.folder_files:
            if (folder / name).is_file():
                return known.load(folder / name)
    candidates = [path for path in sorted(folder.iterdir()) if _names_its_format(path)]
    if len(candidates) == 1:
        return _load_file(candidates[0])
    pickles = [path for path in sorted(folder.iterdir()) if path.suffix in PICKLES]
    if not candidates and pickles:
        return _load_file(pickles[0])
    below = [str(child.parent) for child in sorted(folder.glob("*/tokenizer.json"))]
    looked = f"looked for {', '.join(known.files for known in _formats())}"
    raise ArtifactError(
        f"{folder}: no tokenizer in this folder", hint=f"one level down: {', '.join(below)}" if below else looked
    )


def _names_its_format(path: Path) -> bool:
    # In a folder most .json files are settings.
    return path.is_file() and path.suffix != ".json" and any(known.matches(path) for known in _formats())


def _formats() -> Iterator[type[TokenizerFormat]]:
    return (FORMATS.get(name) for name in FORMATS)


def folder_files() -> set[str]:
    """Names under which folders hold tokenizers."""
    return {name for known in _formats() for name in known.folder_files}
