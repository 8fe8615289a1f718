"""tekken.json: the ids are those of mistral-common."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tests.support.tokenizer_files import NATURAL
from tests.tokenizer.formats.test_tiktoken import ranks_of
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer

PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXTS_LISTED = ("<unk>", "<s>", "</s>", "<pad>")
LISTED = [{"rank": i, "token_str": text, "is_control": True} for i, text in enumerate(TEXTS_LISTED)]


def write_tekken(bpe_folder: Path, path: Path, version: str, special: Any) -> Path:
    """A tekken.json with 30 special tokens, and more ranks than it uses."""
    # The first ranks are the bytes, in their order.
    pieces = dict.fromkeys([*(bytes([byte]) for byte in range(256)), *ranks_of(bpe_folder)])
    ranks = {piece: rank for rank, piece in enumerate(pieces)}
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
        for piece, rank in [*ranks.items(), (b"unused rank", len(ranks))]
    ]
    config = {
        "pattern": PATTERN,
        "num_vocab_tokens": len(vocab),
        "default_vocab_size": len(ranks) + 30,
        "default_num_special_tokens": 30,
        "version": version,
    }
    content = {"config": config, "vocab": vocab, **({} if special is None else {"special_tokens": special})}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[("v3", None), ("v7", None), ("v11", LISTED), ("v13", LISTED)])
def tekken_pair(
    request: pytest.FixtureRequest, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, Any]:
    tekken = pytest.importorskip("mistral_common.tokens.tokenizers.tekken")
    path = write_tekken(bpe_folder, tmp_path_factory.mktemp("tekken") / "tekken.json", *request.param)
    return load_tokenizer(path), tekken.Tekkenizer.from_file(path)


def test_ids_roles_and_size_are_mistral_common_s(tekken_pair: tuple[Tokenizer, Any]) -> None:
    ours, theirs = tekken_pair
    texts = [*NATURAL, *HOSTILE_TEXTS, "<s>[INST] a [/INST]</s><SPECIAL_29>"]
    assert ours.encode_batch(texts) == [theirs.encode(text, bos=False, eos=False) for text in texts]
    assert ours.vocab_size == theirs.n_words and ours.lossless
    roles = {"bos": theirs.bos_id, "endoftext": theirs.eos_id, "pad": theirs.pad_id, "unk": theirs.unk_id}
    assert ours.special_ids == roles
    assert ours.encode("<s><SPECIAL_29>", EncodeOptions(parse_special=True)) == [1, 29]

    @settings(max_examples=200)
    @given(TEXTS)
    def same_ids(text: str) -> None:
        ids = ours.encode(text)
        assert ids == theirs.encode(text, bos=False, eos=False)
        assert ours.decode(ids) == text

    same_ids()


@pytest.mark.parametrize(
    ("version", "special", "message"),
    [
        ("v11", None, "lists no special tokens"),
        ("v11", [{"rank": 4, "token_str": "<unk>"}], "not numbered"),
        ("v11", [{"rank": 0}], "not a tekken.json"),
        ("eleven", None, "not a tekken.json"),
    ],
)
def test_tekken_that_is_not_whole_is_refused(
    bpe_folder: Path, tmp_path: Path, version: str, special: Any, message: str
) -> None:
    path = write_tekken(bpe_folder, tmp_path / "tekken.json", version, special)
    with pytest.raises(ArtifactError, match=message):
        load_tokenizer(tmp_path)
    assert path.is_file()


@pytest.mark.parametrize("content", ["{}", '{"config": {}}', '{"config": {"default_vocab_size": 5}, "vocab": []}'])
def test_other_json_named_tekken_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tekken_1.json").write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"not a tekken\.json"):
        load_tokenizer(tmp_path / "tekken_1.json")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("config", "pattern", 5),
        ("config", "pattern", ["a"]),
        ("config", "default_num_special_tokens", -1),
        ("config", "default_num_special_tokens", "30"),
        ("config", "default_num_special_tokens", 1 << 40),
        ("config", "default_vocab_size", 300.5),
        ("config", "default_vocab_size", 3),
        ("config", "version", 3),
        ("vocab", "rank", "0"),
        ("vocab", "rank", -1),
        ("vocab", "rank", 0.0),
        ("vocab", "token_bytes", 5),
        ("special_tokens", "rank", False),
        ("special_tokens", "token_str", 5),
    ],
)
def test_settings_of_another_form_are_refused(
    bpe_folder: Path, tmp_path: Path, part: str, name: str, value: object
) -> None:
    path = write_tekken(bpe_folder, tmp_path / "tekken.json", "v3" if name == "version" else "v11", LISTED)
    content = json.loads(path.read_bytes())
    if name == "version":
        content.pop("special_tokens")
    entry = content[part] if part == "config" else content[part][0]
    entry[name] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"not a tekken\.json"):
        load_tokenizer(path)
