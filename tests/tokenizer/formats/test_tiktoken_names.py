"""Encodings by name, with the cache of tiktoken filled beforehand."""

from __future__ import annotations

import base64
import hashlib
import itertools
import sys
from pathlib import Path

import pytest
import tiktoken
import tiktoken_ext.openai_public as published
from tiktoken.load import load_tiktoken_bpe

from tests.support.texts import HOSTILE_TEXTS
from tokit.errors import ArtifactError, MissingPackageError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

URL = "https://example.invalid/cl100k_base.tiktoken"
RANKS = 100_256


def rank_lines() -> bytes:
    """As many ranks as cl100k_base has: bytes, pairs of them, and triples."""
    lengths = (itertools.product(range(256), repeat=length) for length in (1, 2, 3))
    pieces = itertools.islice(itertools.chain(*lengths), RANKS)
    return b"".join(b"%s %d\n" % (base64.b64encode(bytes(piece)), rank) for rank, piece in enumerate(pieces))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache of tiktoken, in which the ranks of cl100k_base are others, with its own pattern and special tokens."""
    settings = published.ENCODING_CONSTRUCTORS["cl100k_base"]
    lines = rank_lines()
    digest = hashlib.sha256(lines).hexdigest()

    def construct() -> dict[str, object]:
        ranks = load_tiktoken_bpe(URL, expected_hash=digest)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(published, "load_tiktoken_bpe", lambda *_arguments, **_named: ranks)
            return settings()

    monkeypatch.setitem(published.ENCODING_CONSTRUCTORS, "cl100k_base", construct)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / hashlib.sha1(URL.encode()).hexdigest()).write_bytes(lines)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_name_gives_the_ids_of_tiktoken(tmp_path: Path) -> None:
    tokenizer = load_tokenizer("cl100k_base")
    reference = tiktoken.Encoding(**published.ENCODING_CONSTRUCTORS["cl100k_base"]())
    assert tokenizer.vocab_size == reference.n_vocab
    special = EncodeOptions(parse_special=True)
    for text in [*HOSTILE_TEXTS, "a<|endoftext|>b <|endofprompt|>"]:
        assert tokenizer.encode(text) == reference.encode(text, disallowed_special=())
        assert tokenizer.encode(text, special) == reference.encode(text, allowed_special="all")
    (tmp_path / "cl100k_base.tiktoken").write_bytes(rank_lines())
    assert load_tokenizer("cl100k_base.tiktoken").sha256 == tokenizer.sha256


def test_cache_that_lacks_the_ranks_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(_path: str) -> bytes:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("tiktoken.load.read_file", no_network)
    for file in cache.iterdir():
        file.unlink()
    with pytest.raises(ArtifactError, match=r"TIKTOKEN_CACHE_DIR \(.*no route to host") as raised:
        load_tokenizer("cl100k_base")
    assert "cl100k_base.tiktoken" in raised.value.hint


def test_without_the_package(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken_ext.openai_public", None)
    with pytest.raises(MissingPackageError, match="tiktoken, which is not installed"):
        load_tokenizer("o200k_base")
    assert cache.exists()


@pytest.mark.usefixtures("cache")
def test_path_of_that_name_wins(bpe_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cl100k_base").symlink_to(bpe_folder)
    assert load_tokenizer("cl100k_base").sha256 == load_tokenizer(bpe_folder).sha256
