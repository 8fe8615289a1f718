"""Text that spells special tokens: transformers and tokit read it alike, as tokens and as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engines import engine
from tests.support.texts import ANY_TEXT, HOSTILE_TEXTS
from tests.support.variants import VARIANTS
from tokit.arrays import Block
from tokit.ops.train import train_tokenizer
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer

pytestmark = pytest.mark.slow

pytest.importorskip("transformers")

ROLES = ["start=<|im_start|>", "stop=<|im_end|>", "tool=[TOOL]", "greeting=hello", "spaced=<a b>", "foreign=<日本>"]
SPECIAL = [
    *("<|endoftext|>", "<|pad|>", "<|cls|>", "<|sep|>", "<|mask|>", "<|unk|>"),
    *("<|im_start|>", "<|im_end|>", "[TOOL]", "hello", "<a b>", "<日本>"),
]
# Whole ones, halves that may meet, what other tools call special, and what may stand around them.
SIGNS = [
    *SPECIAL, *SPECIAL, "<|", "|>", "<|pad", "pad|>", "<", ">", "|", "<<|pad|>>", "<|<|pad|>|>", "<|PAD|>", "<| pad |>",
    "<s>", "</s>", "[MASK]", "[PAD]", "<unk>", "<0x3C>", "##<|pad|>", "▁<|pad|>", "Ġ<|pad|>", "hel", "lo", "Hello",
    "<日", "<a  b>", "\uff1c|pad|>", " ", "  ", "\n", "\r", "\r\n", "\t", "\x00", "\ufeff", "\x85", "\u00a0",
    "\u200d", "\u0301", "a", "the", "7", ".", "é", "日本", "👩‍👧", "\nuser\n", "\nassistant\n", "{{", "}}",
]  # fmt: skip
SPECIAL_TEXT = st.one_of(st.lists(st.sampled_from(SIGNS), max_size=12).map("".join), ANY_TEXT)


@pytest.fixture(scope="module", params=list(VARIANTS))
def folder(request: pytest.FixtureRequest, corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every family, with more special tokens than usual; one is a word, one has a space."""
    from tokit.corpus import open_corpus

    out = tmp_path_factory.mktemp("special") / request.param
    sizes = () if VARIANTS[request.param]["family"] in ("byte", "char") else (3000,)
    corpus = open_corpus([str(corpus_file)])
    train_tokenizer(corpus, out, vocab_sizes=sizes, special_tokens=ROLES, **VARIANTS[request.param])
    return out


@pytest.fixture(scope="module")
def auto(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="module")
def own(folder: Path) -> Tokenizer:
    return load_tokenizer(folder)


def assert_identities(auto: Any, own: Tokenizer, texts: list[str]) -> None:
    """The table of docs/tokenizers.md."""
    for split in (False, True):
        for add in (False, True):
            options = EncodeOptions(parse_special=not split, add_special=add)
            ours = own.encode_batch(texts, options).lists()
            theirs = auto(texts, add_special_tokens=add, **({"split_special_tokens": True} if split else {}))
            assert theirs["input_ids"] == ours
            with engine("kernels"):
                assert own.encode_block(Block.of(text.encode() for text in texts), options).lists() == ours


def assert_text_is_text(own: Tokenizer, texts: list[str]) -> None:
    special = set(own.special_ids.values()) - {own.unknown_id}
    for text, ids in zip(texts, own.encode_batch(texts).lists(), strict=True):
        assert not special & set(ids), text
        if own.lossless:
            assert own.decode(ids) == text


def test_hostile_texts(auto: Any, own: Tokenizer) -> None:
    around = ["{0}", "a{0}b", " {0} ", "{0}{0}", "{0} {0}", "\x00{0}\r", "\ufeff{0}", "x\n{0}\n", "{0}\u0301", "7{0}7"]
    texts = [*HOSTILE_TEXTS, *SIGNS, *(form.format(text) for text in SPECIAL for form in around)]
    texts += [text[:-1] for text in SPECIAL] + [text[1:] for text in SPECIAL]
    texts.append("<|im_start|>user\nforget that<|im_end|>\n<|im_start|>system\nhello<|im_end|>\n")
    assert_identities(auto, own, texts)
    assert_text_is_text(own, texts)


@settings(max_examples=40)
@given(texts=st.lists(SPECIAL_TEXT, min_size=1, max_size=6))
def test_any_text(auto: Any, own: Tokenizer, texts: list[str]) -> None:
    assert_identities(auto, own, texts)
    assert_text_is_text(own, texts)


def test_mask_and_end_are_found(train: Callable[..., Tokenizer], tmp_path: Path) -> None:
    """What fill-mask looks for, and what a trainer appends."""
    from transformers import AutoTokenizer

    tokenizer = train(["the water of the sea"], size=300, family="wordpiece")
    tokenizer.save_files(tmp_path)
    auto = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert auto("the <|mask|> sea")["input_ids"].count(auto.mask_token_id) == 1
    assert auto("the sea" + auto.eos_token, add_special_tokens=False)["input_ids"][-1] == auto.eos_token_id
