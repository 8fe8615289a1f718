"""The kernels' ids are the library's, for every family, own and foreign, on any text."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers

from tests.support.engines import engine
from tests.support.program import folder_bytes
from tests.support.texts import ANY_TEXT, CROWDED_SIGNS, HOSTILE_TEXTS
from tokit.arrays import Block, Ids
from tokit.counts.counter import PreTokenCounter
from tokit.embedding.plain_tokenizer import fit_tokenizer
from tokit.text.pipeline import DIGITS, PATTERNS, PRE_TOKENIZERS, TextPipeline, join_steps
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.assemble import assemble
from tokit.tokenizer.base import PLAIN, EncodeOptions, Identity, Tokenizer
from tokit.tokenizer.encode import pretoken_encoder
from tokit.tokenizer.encode.block_encoder import block_encoder_for
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.encode.pretoken_model import pieces_as_bytes
from tokit.tokenizer.families.base import TrainingJob
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_tokens import SpecialTokens

pytestmark = pytest.mark.slow

# Families whose tokenizers the kernels run.
ABLE = {"bpe", "byte", "char", "char-unknown", "word", "wordpiece", "word-bytes", "bpe-lowercase"}
OPTIONS = st.builds(EncodeOptions, st.booleans(), st.booleans(), st.sampled_from([None, 2, 3, 7]))


def assert_same_ids(tokenizer: Tokenizer, texts: list[str], options: EncodeOptions = PLAIN) -> None:
    block = Block.of(text.encode("utf-8") for text in texts)
    with engine("reference"):
        expected = Ids.of(tokenizer.library_ids(texts, options))
    with engine("kernels"):
        found = tokenizer.encode_block(block, options)
    assert found.lists() == expected.lists()
    assert found.data.dtype == expected.data.dtype


@given(texts=st.lists(st.one_of(CROWDED_SIGNS, ANY_TEXT), min_size=1, max_size=6), options=OPTIONS)
def test_ids_of_every_family(trained: Tokenizer, texts: list[str], options: EncodeOptions) -> None:
    assert_same_ids(trained, texts, options)


def test_hostile_texts_and_special_tokens(trained: Tokenizer, lines: list[str]) -> None:
    specials = [f"a{text}b {text}" for text in ("<|pad|>", "<|endoftext|>", "<|mask|>", "[UNK]", "<0x41>")]
    texts = [*HOSTILE_TEXTS, *specials, "", *lines, "", ""]
    for options in (PLAIN, EncodeOptions(add_special=True), EncodeOptions(parse_special=True)):
        assert_same_ids(trained, texts, options)


@pytest.mark.parametrize("variant", sorted(ABLE))
def test_families_that_kernels_encode(trained_folder, variant: str) -> None:
    assert block_encoder_for(load_tokenizer(trained_folder(variant))) is not None


@cache
def trained_on_hostile_texts(family: str, name: str, digits: str, **settings: Any) -> LibraryTokenizer:
    """A small tokenizer of ours on a pre-tokenizer."""
    kind, pipeline = FAMILIES.get(family), TextPipeline(pre_tokenizer=name, digits=digits)
    counter = PreTokenCounter(pipeline)
    counter.add(Block.of(text.encode("utf-8") for text in (*HOSTILE_TEXTS, "the cat, the hat 12 345 ▁the")))
    params, special = kind.Params(**settings), SpecialTokens.parse()
    trained = kind.train(
        TrainingJob(pipeline=pipeline, special=special, vocab_size=None, params=params, counts=counter.counts())
    )
    return assemble(trained, family, "")


# Whole words, and bytes of words: two ways in which a space that was made U+2581 could go wrong.
@pytest.mark.parametrize("family", ["word", "bpe"])
@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("name", ["whitespace-split", "metaspace", "punctuation"])
@settings(max_examples=40)
@given(texts=st.lists(st.one_of(CROWDED_SIGNS, ANY_TEXT), min_size=1, max_size=4), options=OPTIONS)
def test_ids_under_pre_tokenizers_of_the_library(
    family: str, name: str, digits: str, texts: list[str], options: EncodeOptions
) -> None:
    tokenizer = trained_on_hostile_texts(family, name, digits)
    assert block_encoder_for(tokenizer) is not None
    assert_same_ids(tokenizer, [*texts, "the <|pad|>the a<|cls|>"], options)


@pytest.mark.parametrize("settings_", [{}, {"byte_fallback": False}, {"min_frequency": 3}], ids=str)
@pytest.mark.parametrize("name", [name for name in PRE_TOKENIZERS if name not in PATTERNS])
@settings(max_examples=40)
@given(texts=st.lists(st.one_of(CROWDED_SIGNS, ANY_TEXT), min_size=1, max_size=4), options=OPTIONS)
def test_ids_of_characters(name: str, settings_: dict[str, Any], texts: list[str], options: EncodeOptions) -> None:
    tokenizer = trained_on_hostile_texts("char", name, "keep", **settings_)
    # Where the metaspace has no id of its own, the library spells it.
    assert block_encoder_for(tokenizer) is not None or (name == "metaspace" and settings_)
    assert_same_ids(tokenizer, [*texts, *HOSTILE_TEXTS], options)


@pytest.mark.parametrize("name", ["metaspace", "punctuation", "whitespace-split", "gpt2"])
def test_windows_end_where_pre_tokens_start(name: str) -> None:
    tokenizer = trained_on_hostile_texts("word", name, "keep")
    words = ["the, cat.", "'12", "the<|pad|>", "x  y", "日本語", "( the )", "▁", "a" * 5000]
    text = "".join(Random(0).choices([*words, " ", " ", ",", "the"], k=40_000))
    assert_same_ids(tokenizer, [text, text.replace(",", " "), text.replace(" ", "")])


def byte_level_engine(pattern: str, *, ignore_merges: bool) -> tokenizers.Tokenizer:
    """A small BPE on a pattern; some of its pieces cannot be reached by merges."""
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = join_steps(
        [*TextPipeline(pre_tokenizer=pattern).splitters(), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    made.train_from_iterator(["the theme of these others, don't they aaaaaa " * 3, "日本 日本語 \u0301\u0301"], trainer)
    model = json.loads(made.to_str())["model"]
    vocab = {**model["vocab"], "unreachable": len(model["vocab"]), "\u0120others,": len(model["vocab"]) + 1}
    made.model = models.BPE(vocab, [tuple(merge) for merge in model["merges"]], ignore_merges=ignore_merges)
    made.decoder = decoders.ByteLevel()
    return made


@pytest.fixture(scope="module")
def small_bpe() -> LibraryTokenizer:
    return wrapped(byte_level_engine("gpt2", ignore_merges=False))


def wrapped(made: tokenizers.Tokenizer) -> LibraryTokenizer:
    return LibraryTokenizer(made, Identity("bpe", "tokenizer.json", "", {}, ""))


@pytest.mark.parametrize("ignore_merges", [False, True])
@pytest.mark.parametrize("pattern", list(PATTERNS))
@settings(max_examples=60)
@given(texts=st.lists(st.one_of(CROWDED_SIGNS, ANY_TEXT), min_size=1, max_size=4))
def test_ids_under_every_pattern(pattern: str, ignore_merges: bool, texts: list[str]) -> None:
    tokenizer = wrapped(byte_level_engine(pattern, ignore_merges=ignore_merges))
    assert_same_ids(tokenizer, [*texts, "unreachable others, others,"])


@pytest.mark.parametrize(
    "normalizer",
    [
        normalizers.NFC(),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        normalizers.Replace("a", "b"),
        normalizers.BertNormalizer(),
    ],
    ids=repr,
)
@settings(max_examples=60)
@given(texts=st.lists(st.one_of(CROWDED_SIGNS, ANY_TEXT), min_size=1, max_size=4), options=OPTIONS)
def test_ids_under_a_normalizer_and_added_tokens(
    normalizer: normalizers.Normalizer, texts: list[str], options: EncodeOptions
) -> None:
    made = byte_level_engine("qwen2", ignore_merges=False)
    made.normalizer = normalizer
    made.add_tokens([AddedToken("<call>", normalized=False), AddedToken("the", normalized=True, single_word=True)])
    made.add_special_tokens(["<end>"])
    assert_same_ids(wrapped(made), [*texts, "", "x<call> y<end>the", "other", "THE"], options)


@pytest.mark.parametrize("length", [1, 47, 48, 49, 50, 300, 5000, 70_000])
@pytest.mark.parametrize("unit", ["a", "ab", "日本"])
def test_long_pre_tokens(unit: str, length: int) -> None:
    assert_same_ids(wrapped(byte_level_engine("gpt2", ignore_merges=False)), ["x " + unit * length + " y", "", unit])


def test_line_of_one_letter_takes_no_quadratic_time(bpe_folder: Path) -> None:
    tokenizer = LibraryTokenizer(
        byte_level_engine("gpt2", ignore_merges=False), Identity("bpe", "tokenizer.json", "", {}, "")
    )
    with engine("kernels"):
        ids = tokenizer.encode_block(Block.of([b"a" * 3_000_000]))
    assert tokenizer.decode(ids.data.tolist()) == "a" * 3_000_000


# Letters whose words share heads and tails, and zeros, which keys of words are short of.
BEADS = st.lists(
    st.sampled_from(["a", "b", "\0", "\0" * 8, "abcdefgh", "abcdefghabcdefgh", "é", " ", ". "]), max_size=30
)


@settings(max_examples=150)
@given(texts=st.lists(BEADS.map("".join), min_size=1, max_size=4))
def test_words_with_similar_keys_in_the_cache(small_bpe: LibraryTokenizer, texts: list[str]) -> None:
    assert_same_ids(small_bpe, texts)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.one_of(BEADS.map("".join), CROWDED_SIGNS), min_size=1, max_size=6))
def test_full_cache(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    for name, size in {"NEAR_SLOTS": 16, "FAR_SLOTS": 16, "ARENA_BYTES": 40, "RUN_IDS": 12}.items():
        monkeypatch.setattr(pretoken_encoder, name, size)
    assert_same_ids(wrapped(byte_level_engine("gpt2", ignore_merges=False)), texts * 2)


def test_threads_share_the_cache(lines: list[str]) -> None:
    words = [f"{line} {number:x}{line[:20]}" for number in range(40) for line in [*lines, *HOSTILE_TEXTS]]
    block = Block.of(text.encode("utf-8") for text in words)
    made = byte_level_engine("gpt2", ignore_merges=False)
    expected = Ids.of(wrapped(made).library_ids(words))
    for _ in range(5):
        tokenizer = wrapped(made)
        with engine("kernels"), ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: tokenizer.encode_block(block), range(16)))  # noqa: B023 - joined here
        for ids in found:
            assert np.array_equal(ids.data, expected.data)
            assert np.array_equal(ids.ends, expected.ends)


def test_an_embedding_encodes_its_text_in_the_kernels(trained_folder) -> None:
    # Its tokenizer keeps special tokens as ordinary pieces, and the guard of their texts.
    plain = fit_tokenizer(load_tokenizer(trained_folder("word"))).plain
    assert block_encoder_for(plain) is not None
    assert_same_ids(plain, ["the cat <|pad|> the hat", "<|endoftext|>", "the cat", *HOSTILE_TEXTS])


def test_empty_piece_is_not_cached() -> None:
    # Its slot would be one that looks free, and another word's ids would be found there.
    assert pieces_as_bytes({"": 3, "a": 1, "Ġ": 2}) == {b"a": 1, b" ": 2}


def test_threads_never_read_half_written_slots() -> None:
    # Three or four ids a word: they lie in two places of a slot, and the second was once read before the first.
    draw = Random(0)
    words = " ".join("".join(draw.choices("qxzjkvwy", k=3)) for _ in range(20_000))
    block = Block.of([words.encode("utf-8")])
    made = byte_level_engine("gpt2", ignore_merges=False)
    expected = wrapped(made).library_ids([words])[0]
    assert 3 <= len(expected) / len(words.split()) <= 4
    for _ in range(60):
        tokenizer = wrapped(made)
        with engine("kernels"), ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda _: tokenizer.encode_block(block), range(2)))  # noqa: B023 - joined here
        for ids in found:
            assert np.array_equal(ids.data, expected)


@given(data=st.data(), skip_special=st.booleans(), separator=st.sampled_from([b"\n", b"", b"\n\n"]))
def test_text_of_any_ids(trained: Tokenizer, data: st.DataObject, skip_special: bool, separator: bytes) -> None:
    id_ = st.integers(0, trained.vocab_size - 1)
    # Low ids are special tokens and bytes: those make text that is not UTF-8.
    rows = data.draw(st.lists(st.lists(st.one_of(id_, st.integers(0, min(300, trained.vocab_size - 1))), max_size=8)))
    ids = Ids.of(rows)
    expected = b"".join(
        text.encode("utf-8") + separator for text in trained.decode_batch(rows, skip_special=skip_special)
    )
    with engine("kernels"):
        assert trained.decode_block(ids, separator, skip_special=skip_special) == expected


@pytest.mark.parametrize("end", [b"\n", b""])
def test_lines_of_ids_and_back(cli, bpe_folder: Path, lines: list[str], end: bytes) -> None:
    text = "\n".join([*lines, "", "<|pad|> \u0301", "", "x"]).encode("utf-8") + end
    outputs = []
    for by in ("reference", "kernels"):
        encoded = cli("encode", "-t", bpe_folder, "--engine", by, stdin=text)
        decoded = cli("decode", "-t", bpe_folder, "--engine", by, stdin=encoded.out)
        assert (encoded.code, decoded.code) == (0, 0)
        assert decoded.out == text
        outputs.append(encoded.out)
    assert outputs[0] == outputs[1]


def test_invalid_id_line_is_named(cli, bpe_folder: Path) -> None:
    with engine("kernels"):
        ran = cli("decode", "-t", bpe_folder, stdin=b"5 6\n7 x 8\n")
    assert ran.code == 1 and "<stdin>:2:3: 'x' is not a token id" in ran.err


@pytest.mark.parametrize("to", ["bin", "npy"])
@pytest.mark.parametrize("split", [None, "val=0.5"])
def test_shards_are_the_same(cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path, to: str, split: str) -> None:
    for by in ("reference", "kernels"):
        ran = cli(
            "encode", corpus_file, "-t", bpe_folder, "-o", tmp_path / by, "--to", to, "--engine", by,
            *(["--split", split] if split else []),
        )  # fmt: skip
        assert ran.code == 0, ran.err
    assert folder_bytes(tmp_path / "reference") == folder_bytes(tmp_path / "kernels")
