"""Foreign files that leave keys out: what the library opens, the kernels open, with the same ids and the same text."""

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
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(TEXTS * 9, BpeTrainer(vocab_size=300, initial_alphabet=BYTES, **PLAIN))
    return made


def characters() -> Tokenizer:
    letters = sorted({*"".join(TEXTS[:2])})
    made = Tokenizer(
        models.BPE({"[UNK]": 0, **{letter: i for i, letter in enumerate(letters, 1)}}, [], unk_token="[UNK]")
    )
    made.decoder = decoders.Sequence([decoders.Fuse()])
    return made


def whole_words() -> Tokenizer:
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    made.train_from_iterator(TEXTS, WordLevelTrainer(**SPECIAL))
    return made


def pieces() -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(cleanup=False)
    made.train_from_iterator(TEXTS * 9, WordPieceTrainer(vocab_size=200, **SPECIAL))
    return made


def written(made: Tokenizer) -> dict[str, Any]:
    made.add_special_tokens([AddedToken("<|end|>", normalized=False)])
    made.add_tokens([AddedToken("here", normalized=True)])
    # A token of the model: it is still there when the added ones are left out.
    end = (made.id_to_token(1), 1)
    made.post_processor = processors.TemplateProcessing(single=["$A", end[0]], special_tokens=[end])
    spec: dict[str, Any] = json.loads(made.to_str())
    return spec


def keys(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all keys but entries of a vocabulary, and those of a template: the library panics without them."""
    if way[-1:] in (("vocab",), ("merges",), ("post_processor",)):
        return
    for key in node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0):
        if isinstance(node, dict):
            yield (*way, key)
        yield from keys(node[key], (*way, key))


def without(spec: dict[str, Any], *ways: tuple[Any, ...]) -> bytes:
    left = copy.deepcopy(spec)
    for way in ways:
        node = left
        for key in way[:-1]:
            node = node[key]
        del node[way[-1]]
    return json.dumps(left).encode()


def assert_as_the_library(content: bytes, folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    block, answers = Block.of(text.encode() for text in TEXTS), []
    for by in ("reference", "kernels"):
        tokenizer = load_tokenizer(folder)
        with engine(by):
            ids = [tokenizer.encode_block(block, EncodeOptions(*way)) for way in OPTIONS]
            texts = [tokenizer.decode_block(each, b"\n") for each in ids]
        answers.append(([each.lists() for each in ids], texts, tokenizer.pieces.texts))
    assert answers[0] == answers[1]


def opens(content: bytes) -> bool:
    try:
        Tokenizer.from_buffer(content)
    except Exception:  # the library raises a bare Exception
        return False
    return True


@pytest.mark.parametrize("make", [byte_level, characters, whole_words, pieces])
def test_every_key_that_the_library_does_without(make: Callable[[], Tokenizer], tmp_path: Path) -> None:
    spec = written(make())
    left_out = [way for way in keys(spec) if opens(without(spec, way))]
    assert {("normalizer",), ("pre_tokenizer",), ("decoder",), ("added_tokens",), ("model", "type")} <= {*left_out}
    for way in left_out:
        assert_as_the_library(without(spec, way), tmp_path)


@pytest.mark.parametrize("make", [byte_level, characters, whole_words, pieces])
def test_a_file_with_a_model_and_no_more(make: Callable[[], Tokenizer], tmp_path: Path) -> None:
    spec = written(make())
    others = [(key,) for key in spec if key != "model"]
    assert_as_the_library(without(spec, *others, ("model", "type")), tmp_path)
    assert_as_the_library(without(spec, *others), tmp_path)


def test_the_library_is_not_asked_about_our_own_files(bpe_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load_tokenizer(bpe_folder)
    assert isinstance(own, LibraryTokenizer)
    monkeypatch.setattr(LibraryTokenizer, "library", None)
    assert own.specification() == json.loads((bpe_folder / "tokenizer.json").read_bytes())
