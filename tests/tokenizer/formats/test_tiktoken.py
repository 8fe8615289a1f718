""".tiktoken files: the ids are those of tiktoken."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tests.support.tokenizer_files import NATURAL, RUNS
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer


def ranks_of(bpe_folder: Path) -> dict[bytes, int]:
    """The pieces of a trained bpe, as bytes with ranks, and pieces that merges alone do not reach."""
    from tokit.tokenizer.byte_alphabet import byte_alphabet

    table = {sign: byte for byte, sign in enumerate(byte_alphabet())}
    vocab = json.loads((bpe_folder / "tokenizer.json").read_bytes())["model"]["vocab"]
    pieces = [bytes(table[sign] for sign in token) for token in list(vocab)[5:]]
    extra = [b"aa", b"aaa", b"aaaa", b"ab", b"ba", b"aab", b"qzx", b" qzx"]
    return {piece: rank for rank, piece in enumerate(dict.fromkeys([*pieces, *extra]))}


@pytest.fixture(scope="module", params=["cl100k_base", "o200k_base", "r50k_base"])
def tiktoken_pair(
    request: pytest.FixtureRequest, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, Any]:
    """A small .tiktoken file opened here, and in tiktoken under its own pattern."""
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken_ext import openai_public

    ranks = ranks_of(bpe_folder)
    path = tmp_path_factory.mktemp("tiktoken") / f"{request.param}.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(piece) + b" %d\n" % rank for piece, rank in ranks.items()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_args, **_named: {})
        if request.param == "r50k_base":
            patch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda *_args, **_named: {})
            pattern = openai_public.r50k_pat_str
        else:
            pattern = getattr(openai_public, request.param)()["pat_str"]
    return load_tokenizer(path), tiktoken.Encoding("t", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def test_tiktoken_file_in_tiktoken(tiktoken_pair: tuple[Tokenizer, Any]) -> None:
    ours, theirs = tiktoken_pair
    texts = [*NATURAL, *HOSTILE_TEXTS, "qzx qzxx", "a" * 50]
    assert ours.encode_batch(texts) == [theirs.encode_ordinary(text) for text in texts]
    assert ours.lossless

    @settings(max_examples=300)
    @given(st.one_of(TEXTS, RUNS))
    def same_ids(text: str) -> None:
        ids = ours.encode(text)
        assert ids == theirs.encode_ordinary(text)
        assert ours.decode(ids) == text

    same_ids()


def test_tiktoken_special_tokens_have_the_ids_of_their_encoding(tiktoken_pair: tuple[Tokenizer, Any]) -> None:
    ours, _ = tiktoken_pair
    ids = ours.encode("<|endoftext|>", EncodeOptions(parse_special=True))
    assert ids == [ours.special_ids["endoftext"]]
    assert ids[0] in (100257, 199999, 50256)
    assert ids[0] not in ours.encode("<|endoftext|>")


@pytest.mark.parametrize("content", [b"not a table\nx y z\n", b"!!!! 5\n", b"YQ== five\n", b"YQ==\n"])
def test_broken_tiktoken_file_names_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cl100k_base.tiktoken"
    path.write_bytes(b"YQ== 0\n" + content)
    with pytest.raises(ArtifactError, match=r"cl100k_base.tiktoken:2"):
        load_tokenizer(path)


def test_tiktoken_file_of_unknown_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "unknown.tiktoken").write_bytes(b"YQ== 0\n")
    with pytest.raises(ArtifactError, match="'unknown' is not a known encoding"):
        load_tokenizer(tmp_path / "unknown.tiktoken")
