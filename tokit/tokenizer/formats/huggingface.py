"""tokenizer.json of the Hugging Face `tokenizers` library, with transformers' tokenizer_config.json beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tokit.storage.folder import read_json, sha256_file
from tokit.tokenizer.base import Identity
from tokit.tokenizer.formats.base import TokenizerFormat, read_bytes, roles_of
from tokit.tokenizer.tokenizer_json import why_lossy

if TYPE_CHECKING:
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer


class HuggingFaceJson(TokenizerFormat):
    """A tokenizer.json under any name, or a folder of transformers."""

    origin = "tokenizer.json"
    files = "tokenizer.json"
    folder_files = ("tokenizer.json",)

    @classmethod
    def matches(cls, path: Path) -> bool:
        # vocab.json is GPT-2's name for a vocabulary alone.
        return path.suffix == ".json" and path.name != "vocab.json"

    @classmethod
    def load(cls, path: Path) -> LibraryTokenizer:
        from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, read_library_json

        library = read_library_json(path)
        config_path = path.with_name("tokenizer_config.json")
        config = read_json(config_path) if config_path.is_file() else None
        spec = json.loads(library.to_str())
        family = str(spec["model"]["type"]).lower()
        identity = Identity(family, cls.origin, sha256_file(path), roles_of(library, config), why_lossy(spec))
        return LibraryTokenizer(library, identity, config, read_bytes(path))
