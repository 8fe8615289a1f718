"""Write and read the folder of a tokenizer, which `AutoTokenizer.from_pretrained(folder)` loads too."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.storage.folder import dump_json, read_manifest
from tokit.storage.manifests import TokenizerManifest
from tokit.storage.stranger_files import CODE_SETTINGS
from tokit.tokenizer.base import Identity
from tokit.tokenizer.formats import FORMATS
from tokit.tokenizer.formats.base import read_bytes
from tokit.tokenizer.special_tokens import TRANSFORMERS_ROLES

if TYPE_CHECKING:
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# transformers writes this number where a tokenizer has no limit of its own.
NO_LIMIT = int(1e30)
# With it in a folder, pipelines, chat templates and trainers read special tokens as text, in silence; earlier versions
# of tokit wrote it.
SPLIT_SPECIAL = "split_special_tokens"


def write_library_files(
    tokenizer_json: bytes, folder: Path, specials: Mapping[str, str], *, config: dict[str, Any] | None = None
) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json.

    Args:
        tokenizer_json: Content of tokenizer.json.
        folder: An existing folder.
        specials: Role → text.
        config: The tokenizer_config.json of a foreign tokenizer, written without the setting that special tokens are
            text and those that name code; None writes tokit's.
    """
    settings = tokenizer_config(specials) if config is None else config
    (folder / "tokenizer.json").write_bytes(tokenizer_json)
    # A chat template is in a file of its own.
    kept_out = (SPLIT_SPECIAL, "chat_template", *CODE_SETTINGS)
    dump_json({k: v for k, v in settings.items() if k not in kept_out}, folder / "tokenizer_config.json")
    tokens = special_tokens_map(specials, foreign=config is not None)
    named = {name for name in settings if name.endswith("_token")}
    # A role that has no name there, as the end of text of BERT has none, gets none in transformers.
    tokens = {name: token for name, token in tokens.items() if name in named or not named or name[-1] == "s"}
    dump_json(tokens, folder / "special_tokens_map.json")


def special_tokens_map(specials: Mapping[str, str], *, foreign: bool = False) -> dict[str, Any]:
    """Role → text under transformers' names; roles that it has no name for are listed as additional.

    Args:
        specials: Role → text.
        foreign: A tokenizer of another tool, which has a beginning-of-text token only if it names one.
    """
    names_of = {role: names[:1] if foreign else names for role, names in TRANSFORMERS_ROLES.items()}
    named = {name: specials[role] for role, names in names_of.items() if role in specials for name in names}
    additional = [text for role, text in specials.items() if role not in TRANSFORMERS_ROLES]
    return {**named, **({"additional_special_tokens": additional} if additional else {})}


def tokenizer_config(specials: Mapping[str, str]) -> dict[str, Any]:
    """Settings that make transformers give the ids that tokit gives with `parse_special`.

    The class named is the one that loads tokenizer.json unchanged; a model's own class would rebuild the pipeline.
    """
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": NO_LIMIT,
        "model_input_names": ["input_ids", "attention_mask"],
        **special_tokens_map(specials),
    }


def read_tokenizer_folder(folder: Path) -> LibraryTokenizer:
    """Read a tokenizer folder of tokit; the library loads tokenizer.json when it is first needed.

    Raises:
        ArtifactError: the folder is of another kind, or damaged.
    """
    from tokit.tokenizer.encode.library_tokenizer import KnownFacts, LibraryTokenizer, id_of, parse_library_json

    manifest = read_manifest(folder, TokenizerManifest)
    path = folder / "tokenizer.json"
    if manifest.origin != "tokit":
        return _read_copy(path, manifest)
    source = read_bytes(path)
    digest, texts, ids = manifest.files["tokenizer.json"], manifest.special_tokens, manifest.special_ids
    # The file has the hash in the manifest, so the library need not load it yet.
    if ids is not None and hashlib.sha256(source).hexdigest() == digest:
        identity = Identity(manifest.family, "tokit", digest, ids, manifest.lossy_because)
        known = KnownFacts(manifest.vocab_size, texts)
        return LibraryTokenizer(partial(parse_library_json, source, path), identity, source=source, known=known)
    library = parse_library_json(source, path)
    specials = {role: id_of(library, text) for role, text in texts.items()}
    identity = Identity(manifest.family, "tokit", digest, specials, manifest.lossy_because)
    return LibraryTokenizer(library, identity, source=source)


def _read_copy(path: Path, manifest: TokenizerManifest) -> LibraryTokenizer:
    """A copy of a foreign tokenizer, whose roles are in the manifest."""
    copy: LibraryTokenizer = FORMATS.get("tokenizer.json").load(path)  # type: ignore[assignment]
    copy.identity = dataclasses.replace(copy.identity, special_ids=manifest.special_ids or copy.special_ids)
    return copy
