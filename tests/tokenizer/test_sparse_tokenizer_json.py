"""tokenizer.json files without some keys: kernels give the ids and the text of the library for all that it loads."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer, WordLevelTrainer, WordPieceTrainer

from tests.support.engines import engine
from tests.support.texts import HOSTILE_TEXTS
from tokit.arrays import Block
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

TEXTS = ["the theme of these others, 123 here", "don't<|end|> THÉ the  日本", *HOSTILE_TEXTS]
BYTES = pre_tokenizers.ByteLevel.alphabet()
OPTIONS = list(product((False, True), repeat=2))
PLAIN, SPECIAL = {"show_progress": False}, {"special_tokens": ["[UNK]"], "show_progress": False}


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(TEXTS * 9, BpeTrainer(vocab_size=300, initial_alphabet=BYTES, **PLAIN))
    return tokenizer


def characters() -> Tokenizer:
    letters = sorted({*"".join(TEXTS[:2])})
    tokenizer = Tokenizer(
        models.BPE({"[UNK]": 0, **{letter: i for i, letter in enumerate(letters, 1)}}, [], unk_token="[UNK]")
    )
    tokenizer.decoder = decoders.Sequence([decoders.Fuse()])
    return tokenizer


def whole_words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.train_from_iterator(TEXTS, WordLevelTrainer(**SPECIAL))
    return tokenizer


def pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    tokenizer.train_from_iterator(TEXTS * 9, WordPieceTrainer(vocab_size=200, **SPECIAL))
    return tokenizer


def written(tokenizer: Tokenizer) -> dict[str, Any]:
    tokenizer.add_special_tokens([AddedToken("<|end|>", normalized=False)])
    tokenizer.add_tokens([AddedToken("here", normalized=True)])
    # A token of the model: it is still there when the added tokens are removed.
    end = (tokenizer.id_to_token(1), 1)
    tokenizer.post_processor = processors.TemplateProcessing(single=["$A", end[0]], special_tokens=[end])
    spec: dict[str, Any] = json.loads(tokenizer.to_str())
    return spec


def keys(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all keys but those of a vocabulary and of a template, without which the library panics."""
    if path[-1:] in (("vocab",), ("merges",), ("post_processor",)):
        return
    for key in node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0):
        if isinstance(node, dict):
            yield (*path, key)
        yield from keys(node[key], (*path, key))


def without(spec: dict[str, Any], *paths: tuple[Any, ...]) -> bytes:
    rest = copy.deepcopy(spec)
    for path in paths:
        node = rest
        for key in path[:-1]:
            node = node[key]
        del node[path[-1]]
    return json.dumps(rest).encode()


def assert_same_as_library(content: bytes, folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    block, results = Block.of(text.encode() for text in TEXTS), []
    for by in ("reference", "kernels"):
        tokenizer = load_tokenizer(folder)
        with engine(by):
            encoded = [tokenizer.encode_block(block, EncodeOptions(*flags)) for flags in OPTIONS]
            texts = [tokenizer.decode_block(ids, b"\n") for ids in encoded]
        results.append(([ids.lists() for ids in encoded], texts, tokenizer.pieces.texts))
    assert results[0] == results[1]


def opens(content: bytes) -> bool:
    try:
        Tokenizer.from_buffer(content)
    except Exception:  # the library raises a bare Exception
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("make", [byte_level, characters, whole_words, pieces])
def test_every_key_that_the_library_does_not_need(make: Callable[[], Tokenizer], tmp_path: Path) -> None:
    spec = written(make())
    optional = [path for path in keys(spec) if opens(without(spec, path))]
    assert {("normalizer",), ("pre_tokenizer",), ("decoder",), ("added_tokens",), ("model", "type")} <= {*optional}
    for path in optional:
        assert_same_as_library(without(spec, path), tmp_path)


@pytest.mark.parametrize("make", [byte_level, characters, whole_words, pieces])
def test_file_with_a_model_alone(make: Callable[[], Tokenizer], tmp_path: Path) -> None:
    spec = written(make())
    optional = [(key,) for key in spec if key != "model"]
    assert_same_as_library(without(spec, *optional, ("model", "type")), tmp_path)
    assert_same_as_library(without(spec, *optional), tmp_path)


def test_own_files_are_read_without_the_library(bpe_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load_tokenizer(bpe_folder)
    assert isinstance(own, LibraryTokenizer)
    monkeypatch.setattr(LibraryTokenizer, "library", None)
    assert own.specification() == json.loads((bpe_folder / "tokenizer.json").read_bytes())
