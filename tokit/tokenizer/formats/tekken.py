"""tekken.json of Mistral: ranks, pattern and special tokens in one file. Special tokens have the first ids.

https://github.com/mistralai/mistral-common (tokens/tokenizers/tekken.py)
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError
from tokit.storage.folder import read_json
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.base import TokenizerFormat
from tokit.tokenizer.formats.rank_encodings import Encoding, library_pattern
from tokit.tokenizer.formats.setting_forms import setting_of
from tokit.tokenizer.formats.tiktoken import tokenizer_of_ranks
from tokit.tokenizer.specification_faults import LARGEST_ID

# Special tokens of files that list none: mistral-common's for versions up to v7.
UNLISTED = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
    "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
)  # fmt: skip
LISTING_SINCE = 8


class TekkenJson(TokenizerFormat):
    """tekken.json, also under the names that mistral-common gives it."""

    origin = "tekken.json"
    files = "tekken.json"
    folder_files = ("tekken.json",)

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".json" and path.name.startswith("tekken")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        content, where = read_json(path), _where(path)
        try:
            config = setting_of(content, "config", dict, where)
            special = special_tokens(content, path)
            size = setting_of(config, "default_vocab_size", int, where, least=len(special)) - len(special)
            # The file has more ranks than its tokenizer uses.
            ranks = {
                base64.b64decode(token["token_bytes"], validate=True): _rank(token) + len(special)
                for token in content["vocab"][:size]
            }
            pattern = library_pattern(setting_of(config, "pattern", str, where), path)
        except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
            raise ArtifactError(f"{path}: not a tekken.json: {error!r}", hint="fetch the file again") from error
        if len(ranks) != size:
            raise ArtifactError(f"{path}: {len(ranks):,} ranks, not {size:,}", hint="fetch the file again")
        return tokenizer_of_ranks(ranks, Encoding(pattern, special), path, cls.origin)


def _where(path: Path) -> str:
    return f"{path}: not a tekken.json"


def _rank(token: dict[str, Any]) -> int:
    rank = token["rank"]
    if type(rank) is not int or rank < 0:
        raise ValueError(f"the rank {rank!r}")
    return rank


def special_tokens(content: dict[str, Any], path: Path) -> dict[str, int]:
    """Text → id of the special tokens; the first ids, filled up with `<SPECIAL_n>`.

    Raises:
        ArtifactError: the file lists none although its version should.
    """
    where = _where(path)
    listed, config = content.get("special_tokens"), content["config"]
    if listed is None and int(setting_of(config, "version", str, where)[1:]) >= LISTING_SINCE:
        raise ArtifactError(f"{path}: it lists no special tokens", hint="fetch the file again")
    texts = list(UNLISTED) if listed is None else [setting_of(token, "token_str", str, where) for token in listed]
    stated = list(range(len(texts))) if listed is None else [_rank(token) for token in listed]
    count = setting_of(config, "default_num_special_tokens", int, where, least=0, most=LARGEST_ID)
    fillers = range(len(texts), count)
    ids = dict(zip([*texts, *(f"<SPECIAL_{i}>" for i in fillers)], [*stated, *fillers], strict=True))
    if sorted(ids.values()) != list(range(count)):
        raise ArtifactError(f"{path}: its special tokens are not numbered from 0 to {count - 1}", hint="fetch it again")
    return ids
