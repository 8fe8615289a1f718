"""GGUF files: the ids are those of the tokenizer that was converted."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tests.support.tokenizer_files import NATURAL, SPM_MODELS, sentencepiece_model
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.formats.sentencepiece import parse_model
from tokit.tokenizer.load import load_tokenizer

gguf = pytest.importorskip("gguf")


def write(path: Path, model: str, tokens: list[str], types: list[int], **more: Any) -> Path:
    """A GGUF file without tensors."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    for name, value in more.items():
        getattr(writer, f"add_{name}")(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def byte_level(folder: Path, path: Path, **more: Any) -> Path:
    """A trained bpe; its first five tokens are special."""
    model = json.loads((folder / "tokenizer.json").read_bytes())["model"]
    tokens = list(model["vocab"])
    merges = [f"{left} {right}" for left, right in model["merges"]]
    types = [3 if i < 5 else 1 for i in range(len(tokens))]
    return write(path, "gpt2", tokens, types, **{"token_merges": merges, "eos_token_id": 0, **more})


def test_byte_level_gives_the_ids_of_its_source(bpe_folder: Path, tmp_path: Path) -> None:
    path = byte_level(bpe_folder, tmp_path / "x.gguf", tokenizer_pre="gpt-2", add_bos_token=True, bos_token_id=2)
    ours, source = load_tokenizer(path), load_tokenizer(bpe_folder)
    texts = [*NATURAL, *HOSTILE_TEXTS]
    assert ours.encode_batch(texts) == source.encode_batch(texts)
    assert ours.vocab_size == source.vocab_size and ours.lossless
    assert ours.special_ids["bos"] == 2 and ours.special_ids["endoftext"] == 0
    assert ours.encode("a", EncodeOptions(add_special=True)) == [2, *source.encode("a")]
    assert ours.encode("<|pad|>", EncodeOptions(parse_special=True)) == [1]

    @settings(max_examples=100)
    @given(TEXTS)
    def same_ids(text: str) -> None:
        assert ours.encode(text) == source.encode(text)

    same_ids()


@pytest.mark.parametrize("prefix", [True, False])
def test_pieces_with_scores_are_run_in_sentencepiece(tmp_path: Path, prefix: bool) -> None:
    from sentencepiece import SentencePieceProcessor

    data = sentencepiece_model(**SPM_MODELS["bpe"], add_dummy_prefix=prefix)
    pieces = parse_model(data, "x").pieces
    path = write(
        tmp_path / "y.gguf",
        "llama",
        [piece.text for piece in pieces],
        [piece.kind for piece in pieces],
        token_scores=[piece.score for piece in pieces],
        bos_token_id=1,
        eos_token_id=2,
        unk_token_id=0,
        add_space_prefix=prefix,
    )
    ours, theirs = load_tokenizer(path), SentencePieceProcessor(model_proto=data)
    texts = [*NATURAL, *HOSTILE_TEXTS, "  two  spaces  "]
    assert ours.encode_batch(texts) == theirs.encode(texts)
    assert ours.decode_batch(ours.encode_batch(texts)) == theirs.decode(theirs.encode(texts))
    assert ours.vocab_size == theirs.vocab_size()
    assert {role: ours.special_ids[role] for role in ("bos", "endoftext", "unk")} == {
        "bos": 1,
        "endoftext": 2,
        "unk": 0,
    }
    assert ours.encode("a", EncodeOptions(add_special=True))[0] == 1


@pytest.mark.parametrize("pre", ["superbpe", "default", "jais"])
def test_pre_tokenizer_that_is_not_known_is_refused_by_name(bpe_folder: Path, tmp_path: Path, pre: str) -> None:
    with pytest.raises(ArtifactError, match=f"'{pre}' is not known"):
        load_tokenizer(byte_level(bpe_folder, tmp_path / "x.gguf", tokenizer_pre=pre))


@pytest.mark.parametrize("model", ["bert", "t5", "rwkv", "plamo2"])
def test_type_that_is_not_read_is_refused_by_name(tmp_path: Path, model: str) -> None:
    with pytest.raises(ArtifactError, match=f"type '{model}'"):
        load_tokenizer(write(tmp_path / "x.gguf", model, ["a", "b"], [1, 1]))


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": _cut,
    "another file": lambda _data: b"PK\x03\x04",
    "empty": lambda _data: b"",
    "an old version": lambda data: data[:4] + b"\x01" + data[5:],
    "a length without end": lambda data: data[:16] + b"\xff" * 8 + data[24:],
    "no tokenizer": lambda data: data[:16] + bytes(8),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_file_is_refused(bpe_folder: Path, tmp_path: Path, name: str) -> None:
    path = byte_level(bpe_folder, tmp_path / "x.gguf", tokenizer_pre="gpt-2")
    path.write_bytes(DAMAGES[name](path.read_bytes()))
    with pytest.raises(ArtifactError, match=r"x\.gguf: (a damaged|not a|version 1|it holds no)"):
        load_tokenizer(path)


def test_a_token_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="a token twice"):
        load_tokenizer(write(tmp_path / "x.gguf", "gpt2", ["a", "a"], [1, 1], tokenizer_pre="gpt-2"))


def test_a_role_without_a_token_is_refused(bpe_folder: Path, tmp_path: Path) -> None:
    path = byte_level(bpe_folder, tmp_path / "x.gguf", tokenizer_pre="gpt-2", bos_token_id=999_999, add_bos_token=True)
    with pytest.raises(ArtifactError, match="bos_token_id is not in its vocabulary"):
        load_tokenizer(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eos_token_id", "x"),
        ("eos_token_id", [1]),
        ("bos_token_id", 1.5),
        ("bos_token_id", True),
        ("merges", [1, 2]),
        ("merges", "a b"),
        ("pre", ["gpt-2"]),
        ("model", ["gpt2"]),
        ("tokens", [1, 2]),
        ("token_type", ["a", "b"]),
        ("scores", ["a", "b"]),
    ],
)
def test_metadata_of_a_wrong_form_is_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "x.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    content = {"model": "gpt2", "pre": "gpt-2", "tokens": ["a", "b"], "token_type": [1, 1], "merges": [], name: value}
    for key, entry in content.items():
        if entry != []:
            writer.add_key_value(f"tokenizer.ggml.{key}", entry, gguf.GGUFValueType.get_type(entry))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ArtifactError, match=rf"x\.gguf: its {name} has the wrong form"):
        load_tokenizer(path)


def test_arrays_in_arrays_without_end_are_refused(tmp_path: Path) -> None:
    inner = struct.pack("<IQ", 9, 1) * 100_000
    name = b"tokenizer.ggml.tokens"
    header = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", len(name)) + name
    (tmp_path / "x.gguf").write_bytes(header + struct.pack("<I", 9) + inner)
    with pytest.raises(ArtifactError, match="a damaged GGUF file"):
        load_tokenizer(tmp_path / "x.gguf")


@pytest.mark.parametrize("gone", ["t", "ÿ", "Ġ"])
def test_bytes_that_the_vocabulary_lacks_are_said(bpe_folder: Path, tmp_path: Path, gone: str) -> None:
    """llama.cpp drops such bytes."""
    model = json.loads((bpe_folder / "tokenizer.json").read_bytes())["model"]
    tokens = [token for token in model["vocab"] if gone not in token]
    merges = [f"{left} {right}" for left, right in model["merges"] if gone not in left + right]
    types = [3 if i < 5 else 1 for i in range(len(tokens))]
    path = write(tmp_path / "x.gguf", "gpt2", tokens, types, token_merges=merges, tokenizer_pre="gpt-2")
    tokenizer = load_tokenizer(path)
    assert any("dropped" in note for note in tokenizer.notes) and not tokenizer.lossless
    assert tokenizer.count_dropped(["at a cat"]) == {"t": 2, "ÿ": 0, "Ġ": 2}[gone]
