"""Encodings by the names of the `tiktoken` package, which fetches their ranks itself and keeps them in its cache.

https://github.com/openai/tiktoken (tiktoken/load.py, tiktoken_ext/openai_public.py)
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tokit.errors import ArtifactError, MissingPackageError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.rank_encodings import ENCODINGS
from tokit.tokenizer.formats.tiktoken import TiktokenRanks

CACHE = "TIKTOKEN_CACHE_DIR"


def is_encoding_name(name: str) -> bool:
    """True for the name of an encoding of tiktoken; "gpt2" means the model on the Hub, with the same ids."""
    return name in ENCODINGS and "_" in name


def load_encoding(name: str) -> Tokenizer:
    """Load an encoding as its file `NAME.tiktoken` is loaded: with the same ids, and the same hash.

    Raises:
        MissingPackageError: tiktoken is not installed.
        ArtifactError: tiktoken cannot fetch the ranks.
    """
    ranks = _ranks(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.tiktoken"
        path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(piece), rank) for piece, rank in ranks.items()))
        return TiktokenRanks.load(path)


def _ranks(name: str) -> Mapping[bytes, int]:
    try:
        from tiktoken_ext.openai_public import ENCODING_CONSTRUCTORS
    except ImportError as error:
        raise MissingPackageError(
            f"{name}: no such path, and its ranks come with the package tiktoken, which is not installed",
            hint=f"pip install tiktoken, or give the file {name}.tiktoken",
        ) from error
    try:
        ranks: Mapping[bytes, int] = ENCODING_CONSTRUCTORS[name]()["mergeable_ranks"]
    except Exception as error:  # of whatever library tiktoken fetches with
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        cache = os.environ.get(CACHE)
        tried = f"{CACHE} ({cache}) does not hold its ranks" if cache else f"{CACHE} is not set"
        raise ArtifactError(
            f"{name}: {tried}, and tiktoken could not fetch them: {reason}",
            hint=f"give the file {name}.tiktoken; or set {CACHE} to a folder and fetch them once with network",
        ) from error
    return ranks
