"""tokenizer.json of the Hugging Face `tokenizers` library, with transformers' settings files beside it."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.tokenizer.base import Identity
from tokit.tokenizer.formats.base import TokenizerFormat, read_bytes, roles_of, with_settings
from tokit.tokenizer.formats.folder_settings import FolderSettings, read_settings
from tokit.tokenizer.formats.old_json import mended
from tokit.tokenizer.formats.rebuilding import note_on_class, with_specials_of_class
from tokit.tokenizer.losslessness import why_lossy
from tokit.tokenizer.specification_faults import LARGEST_ID, fault_of
from tokit.tokenizer.tokenizer_json import is_complete

if TYPE_CHECKING:
    import tokenizers

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

NAME = "tokenizer.json"


class HuggingFaceJson(TokenizerFormat):
    """A tokenizer.json under any name, or a folder of transformers."""

    origin = NAME
    files = NAME
    folder_files = (NAME,)

    @classmethod
    def matches(cls, path: Path) -> bool:
        # Names of GPT-2 for a vocabulary alone.
        return path.suffix == ".json" and path.name not in ("vocab.json", "encoder.json") and path.name[:6] != "tekken"

    @classmethod
    def load(cls, path: Path) -> LibraryTokenizer:
        from tokit.tokenizer.encode.library_tokenizer import library_json

        source, library = _parsed(read_bytes(path).removeprefix(codecs.BOM_UTF8), path)
        read = json.loads(source)
        refuse_large_ids(read, path)
        notes = _misnumbered(library, read.get("added_tokens", ()), path)
        # The settings of a folder are those of its tokenizer.json, whatever other JSON it has.
        own = path.name == NAME or not path.with_name(NAME).is_file()
        settings = with_specials_of_class(read_settings(path.parent), library) if own else FolderSettings()
        changed, more = with_settings(library, settings)
        changed, dropout = without_dropout(changed, read["model"])
        if changed is not library:
            source = library_json(changed).encode("utf-8")
        complete = read if changed is library and is_complete(read) else json.loads(changed.to_str())
        refuse_faults(changed, complete, path)
        notes = (*notes, *more, *dropout, *note_on_class(settings, complete))
        return _opened(changed, complete, source, settings, notes)


def _parsed(source: bytes, path: Path) -> tuple[bytes, tokenizers.Tokenizer]:
    """Content that the library reads, and what it reads."""
    from tokit.tokenizer.encode.library_tokenizer import parse_library_json

    try:
        return source, parse_library_json(source, path)
    except ArtifactError:
        newer = mended(source, path)
        if newer is None:
            raise
        return newer, parse_library_json(newer, path)


def _opened(
    library: tokenizers.Tokenizer, spec: dict[str, Any], source: bytes, settings: FolderSettings, notes: tuple[str, ...]
) -> LibraryTokenizer:
    from tokit.tokenizer.encode.dropped_characters import note_on_drops
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

    model = spec["model"]
    roles, digest = roles_of(library, model, settings), hashlib.sha256(source).hexdigest()
    identity = Identity(str(model["type"]).lower(), NAME, digest, roles, why_lossy(spec))
    tokenizer = LibraryTokenizer(library, identity, settings.config, source)
    tokenizer.notes = (*notes, *note_on_drops(spec))
    return tokenizer


def without_dropout(
    library: tokenizers.Tokenizer, model: dict[str, Any]
) -> tuple[tokenizers.Tokenizer, tuple[str, ...]]:
    """A tokenizer whose merges are not dropped at random, and a note on it; itself if they are not."""
    import tokenizers

    if not model.get("dropout"):
        return library, ()
    copy = tokenizers.Tokenizer.from_str(library.to_str())
    copy.model.dropout = None
    return copy, (f"its BPE dropout of {model['dropout']:g} is off: ids would differ from run to run",)


def _misnumbered(library: tokenizers.Tokenizer, added: Iterable[dict[str, Any]], path: Path) -> tuple[str, ...]:
    """Notes on added tokens to which the library gives another id than the file."""
    notes = []
    for text, stated in ((token["content"], token.get("id")) for token in added):
        i = library.token_to_id(text)
        if i is None or i == stated:
            continue
        other = library.model.id_to_token(i)
        if other not in (None, text):
            raise ArtifactError(
                f"{path}: the library gives '{text}' the id {i} of '{other}', where the file says {stated}",
                hint="number the tokens of its vocabulary without gaps, and save it again",
            )
        notes.append(f"'{text}' has id {i} in the tokenizers library, not {stated} as the file says")
    return tuple(notes)


def refuse_large_ids(read: dict[str, Any], path: Path) -> None:
    """Refuse an id that no vocabulary has; the library would count up to it.

    Raises:
        ArtifactError: there is one.
    """
    vocab = read["model"].get("vocab", {})
    largest = max(vocab.values(), default=-1) if isinstance(vocab, dict) else len(vocab)
    if largest > LARGEST_ID:
        raise ArtifactError(
            f"{path}: its largest id is {largest:,}, for {len(vocab):,} tokens",
            hint="number the tokens of its vocabulary without gaps, and save it again",
        )


def refuse_faults(library: tokenizers.Tokenizer, spec: dict[str, Any], path: Path) -> None:
    """Refuse a tokenizer that would fail at a later text.

    Raises:
        ArtifactError: its parts do not fit together, or the library fails on a letter.
    """
    from tokit.text.library_failures import library_opens

    fault = fault_of(spec)
    if fault:
        raise ArtifactError(f"{path}: {fault}", hint="mend the file, or save it again with the tool that made it")
    library.no_truncation()
    library.no_padding()
    with library_opens(path, "fails on every text"):
        library.encode("a")
