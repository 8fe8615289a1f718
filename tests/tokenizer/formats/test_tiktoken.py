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
from tokit.tokenizer.formats.rank_encodings import ENCODINGS
from tokit.tokenizer.load import load_tokenizer


def ranks_of(bpe_folder: Path) -> dict[bytes, int]:
    """The pieces of a trained bpe, as bytes with ranks, and pieces that merges alone do not reach."""
    from tokit.tokenizer.byte_alphabet import byte_alphabet

    table = {sign: byte for byte, sign in enumerate(byte_alphabet())}
    vocab = json.loads((bpe_folder / "tokenizer.json").read_bytes())["model"]["vocab"]
    pieces = [bytes(table[sign] for sign in token) for token in list(vocab)[5:]]
    extra = [b"aa", b"aaa", b"aaaa", b"ab", b"ba", b"aab", b"qzx", b" qzx"]
    return {piece: rank for rank, piece in enumerate(dict.fromkeys([*pieces, *extra]))}


def write_ranks(path: Path, ranks: dict[bytes, int]) -> Path:
    """A file of ranks."""
    path.write_bytes(b"".join(base64.b64encode(piece) + b" %d\n" % rank for piece, rank in ranks.items()))
    return path


def write_settings(path: Path, **settings: Any) -> None:
    """The settings beside a file of ranks."""
    path.with_name(path.name + ".json").write_text(json.dumps(settings), encoding="utf-8")


def bytes_alone(more: int = 0) -> dict[bytes, int]:
    """Ranks of the bytes, and of `more` tokens that no text has."""
    return {bytes([byte]): byte for byte in range(256)} | {b"\xff" + n.to_bytes(4, "big"): 256 + n for n in range(more)}


@pytest.fixture(scope="module", params=["cl100k_base", "o200k_base", "r50k_base"])
def tiktoken_pair(
    request: pytest.FixtureRequest, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, Any]:
    """A small .tiktoken file with settings beside it opened here, and in tiktoken under its own pattern."""
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken_ext import openai_public

    ranks = ranks_of(bpe_folder)
    path = write_ranks(tmp_path_factory.mktemp("tiktoken") / f"{request.param}.tiktoken", ranks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_args, **_named: {})
        if request.param == "r50k_base":
            patch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda *_args, **_named: {})
            pattern = openai_public.r50k_pat_str
        else:
            pattern = getattr(openai_public, request.param)()["pat_str"]
    write_settings(path, pat_str=pattern, special_tokens={"<|endoftext|>": len(ranks) + 7})
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
    assert ids == [ours.special_ids["endoftext"]] == [ours.vocab_size - 1]
    assert ids[0] not in ours.encode("<|endoftext|>")


@pytest.mark.parametrize("content", [b"not a table\nx y z\n", b"!!!! 5\n", b"YQ== five\n", b"YQ==\n"])
def test_broken_tiktoken_file_names_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cl100k_base.tiktoken"
    path.write_bytes(b"YQ== 0\n" + content)
    with pytest.raises(ArtifactError, match=r"cl100k_base.tiktoken:2"):
        load_tokenizer(path)


def test_tiktoken_file_of_unknown_name_is_refused(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "unknown.tiktoken", bytes_alone())
    with pytest.raises(ArtifactError, match="256 tiktoken ranks, which hold no pattern") as refused:
        load_tokenizer(path)
    assert "rename" not in refused.value.hint and "unknown.tiktoken.json" in refused.value.hint


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_harmony", "qwen", "gpt2", "multilingual"])
def test_number_of_ranks_is_held_against_the_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match=f"256 ranks, and {name} has"):
        load_tokenizer(write_ranks(tmp_path / f"{name}.tiktoken", bytes_alone()))


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "o200k_harmony", "p50k_edit", "p50k_base", "r50k_base"])
def test_special_tokens_of_an_encoding_are_tiktoken_s(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tiktoken")
    from tiktoken_ext import openai_public

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", lambda *_args, **_named: {})
    theirs = getattr(openai_public, name)()["special_tokens"]
    ours = ENCODINGS[name].special
    # Of o200k_harmony's two texts for one id the library can hold one.
    assert {text: i for text, i in theirs.items() if text != "<|reserved_200018|>"} == ours


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "ranks", "special"),
    [
        ("tokenizer.model", 128000, {"bos": 128000, "endoftext": 128001}),
        ("x.model", 200000, {"bos": 200000, "endoftext": 200001}),
        ("qwen.tiktoken", 151643, {"endoftext": 151643}),
    ],
)
def test_ranks_of_a_model_are_known_by_their_number(
    tmp_path: Path, name: str, ranks: int, special: dict[str, int]
) -> None:
    tokenizer = load_tokenizer(write_ranks(tmp_path / name, bytes_alone(ranks - 256)))
    assert tokenizer.special_ids == special
    assert len(tokenizer.encode("1234 ab")) == 7
    if name == "tokenizer.model":
        assert tokenizer.vocab_size == 128256 and tokenizer.notes[0] == "read as llama3, which has its 128,000 ranks"
    if name == "qwen.tiktoken":
        assert tokenizer.encode("e\u0301") == list("é".encode()) and not tokenizer.lossless


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"special_tokens": {}}, "not the settings"),
        ({"pat_str": "gpt2", "special_tokens": {"<|a|>": "5"}}, "not the settings"),
        ({"pat_str": "gpt2", "special_tokens": {"": 300}}, "not the settings"),
        ([1], "not the settings"),
        ({"pat_str": "gpt2", "special_tokens": {"<|a|>": 1 << 31}}, "has the id 2147483648"),
        ({"pat_str": "gpt2", "pattern": 1}, "pattern"),
        ({"pat_str": "gpt2", "special_tokens": {"<|a|>": -1}}, "not the settings"),
        ({"pat_str": "gpt2", "special_tokens": {"<|a|>": True}}, "not the settings"),
        ({"pat_str": "gpt2", "name": 5}, "not the settings"),
        ({"pat_str": "gpt2", "explicit_n_vocab": 300}, "there are 256 ranks and special tokens"),
        ({"pat_str": "gpt2", "explicit_n_vocab": "256"}, "'explicit_n_vocab' is '256'"),
        ({"pat_str": "("}, "cannot be read"),
        ({"pat_str": r"\p{N}{1,3}+\p{L}|."}, "before more"),
        ({"pat_str": "gpt2", "special_tokens": {"<|a|>": 65}}, "have the id 65"),
        ({"pat_str": r"\S+|\s+", "special_tokens": {"<|a|>": 300}}, "does not split"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, settings: object, message: str) -> None:
    path = write_ranks(tmp_path / "own.tiktoken", bytes_alone())
    path.with_name(path.name + ".json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ArtifactError, match=message):
        load_tokenizer(path)


def test_ranks_without_a_byte_are_refused(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "own.tiktoken", {piece: rank for piece, rank in bytes_alone().items() if rank != 65})
    write_settings(path, pat_str="gpt2")
    with pytest.raises(ArtifactError, match="byte 0x41 has no rank"):
        load_tokenizer(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"minbpe v1\n\n0\n", "minbpe"),
        (b"\x80\x04\x95", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git-lfs"),
        (b"YQ== 0\nYg== 1\n", "2 tiktoken ranks"),
    ],
)
def test_other_files_named_model_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    for path in (tmp_path, tmp_path / "tokenizer.model"):
        with pytest.raises(ArtifactError, match=message):
            load_tokenizer(path)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.pkl").write_bytes(b"\x80\x04\x95")
    for path in (tmp_path, tmp_path / "tokenizer.pkl"):
        with pytest.raises(ArtifactError, match="pickle"):
            load_tokenizer(path)
