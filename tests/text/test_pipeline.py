"""Text pipelines: patterns against the libraries they come from, names, and properties."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.texts import CROWDED_TEXT, HOSTILE_TEXTS, PARALLEL, TEXTS
from tokit.errors import UsageError
from tokit.text.pipeline import DIGITS, NORMALIZERS, PATTERNS, PRE_TOKENIZERS, TextPipeline, join_steps

tiktoken = pytest.importorskip("tiktoken")

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# As the models' own files have them; those of tiktoken are taken from the installed package.
SOURCES = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": LLAMA3,
    "qwen2": LLAMA3.replace("{1,3}", ""),
}
ENCODINGS = {"cl100k": "cl100k_base", "o200k": "o200k_base"}


def source_pattern(name: str) -> str:
    from tiktoken_ext import openai_public

    if name in SOURCES:
        return SOURCES[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_args, **_named: {})
        pattern: str = getattr(openai_public, ENCODINGS[name])()["pat_str"]
    return pattern


def pair_ranks() -> dict[bytes, int]:
    """Every byte, and every pair of two in an arbitrary order: where a pre-token ends shows in nearly all the ids."""
    pairs = [bytes([one, two]) for one in range(256) for two in range(256)]
    random.Random(0).shuffle(pairs)
    return {piece: rank for rank, piece in enumerate([*(bytes([byte]) for byte in range(256)), *pairs])}


RANKS = pair_ranks()


def encoding(pattern: str) -> Any:
    return tiktoken.Encoding("test", pat_str=pattern, mergeable_ranks=RANKS, special_tokens={})


WHOLE = encoding(r"(?s:.+)")


def pre_tokens(name: str, text: str) -> list[str]:
    splitter = join_steps(TextPipeline(pre_tokenizer=name).splitters())
    assert splitter is not None
    return [piece for piece, _ in splitter.pre_tokenize_str(text)]


def assert_same_cut(name: str, theirs: Any, text: str) -> None:
    pieces = pre_tokens(name, text)
    assert "".join(pieces) == text
    assert theirs.encode_ordinary(text) == [i for piece in pieces for i in WHOLE.encode_ordinary(piece)], text


@pytest.mark.parametrize("name", list(PATTERNS))
def test_pattern_splits_as_tiktoken(name: str) -> None:
    theirs = encoding(source_pattern(name))
    natural = [line for path in sorted(PARALLEL.glob("*.txt")) for line in path.read_text("utf-8").split("\n")]
    for text in [
        *HOSTILE_TEXTS,
        *natural,
        "\n".join(natural[:9]),
        "\r ",
        " \r",
        "\n \n a",
        "a\n\n  b",
        "x  \n",
        "٣٤٥٦٧",
    ]:
        assert_same_cut(name, theirs, text)

    spaces = st.text(st.sampled_from(" \n\r\t\u00a0\u2028\x85ab1.'/"), max_size=14)

    @settings(max_examples=250)
    @given(st.one_of(CROWDED_TEXT, TEXTS, spaces))
    def cuts_alike(text: str) -> None:
        assert_same_cut(name, theirs, text)

    cuts_alike()


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
@settings(max_examples=25)
@given(text=TEXTS)
def test_pipeline_that_keeps_text_restores_it(name: str, digits: str, text: str) -> None:
    pipeline = TextPipeline(pre_tokenizer=name, digits=digits)
    splitter = join_steps(pipeline.splitters())
    pieces = [text] if splitter is None else [piece for piece, _ in splitter.pre_tokenize_str(text)]
    if pipeline.keeps_text:
        assert "".join(pieces) == text
    if digits == "single":
        assert all(len(piece) == 1 for piece in pieces if piece.isdecimal() and piece.isascii())
    if digits == "triple" and name != "qwen2":
        assert all(len(piece) <= 3 for piece in pieces if piece.isdecimal() and piece.isascii())


def test_pipelines_that_keep_text() -> None:
    assert [name for name in PRE_TOKENIZERS if not TextPipeline(pre_tokenizer=name).keeps_text] == [
        "bert", "whitespace", "whitespace-split", "metaspace",
    ]  # fmt: skip
    assert not any(TextPipeline((name,)).keeps_text for name in NORMALIZERS)


def test_digits() -> None:
    def cut(digits: str) -> list[str]:
        splitter = join_steps(TextPipeline(digits=digits).splitters())
        assert splitter is not None
        return [piece for piece, _ in splitter.pre_tokenize_str("a 1234")]

    assert cut("keep") == ["a", " 1234"]
    assert cut("single") == ["a", " ", "1", "2", "3", "4"]
    assert cut("triple") == ["a", " ", "123", "4"]


@pytest.mark.parametrize(
    ("normalizers", "text", "expected"),
    [
        (("nfc",), "e\u0301", "é"),
        (("nfd",), "é", "e\u0301"),
        (("nfkc",), "ﬁ²", "fi2"),
        (("lowercase",), "ABC É", "abc é"),
        (("strip-accents",), "é ñ", "e n"),
        (("nfkc", "lowercase"), "ＡＢＣ", "abc"),
        (("lowercase", "strip-accents"), "ÉÑ", "en"),
    ],
)
def test_normalizers_in_order(normalizers: tuple[str, ...], text: str, expected: str) -> None:
    normalizer = TextPipeline(normalizers).normalizer()
    assert normalizer is not None
    assert normalizer.normalize_str(text) == expected


def test_pipeline_without_normalizers_has_none() -> None:
    assert TextPipeline().normalizer() is None


@pytest.mark.parametrize(
    "values",
    [{"normalizers": ("nfq",)}, {"pre_tokenizer": "gpt22"}, {"digits": "double"}],
)
def test_unknown_name_hints_at_the_nearest(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        TextPipeline(**values)
    assert "did you mean" in caught.value.hint or "known:" in caught.value.hint


def test_custom_pattern() -> None:
    splitter = join_steps(TextPipeline(pre_tokenizer=r"regex:[a-z]+|\s").splitters())
    assert splitter is not None
    assert [piece for piece, _ in splitter.pre_tokenize_str("ab cD")] == ["ab", " ", "c", "D"]
    with pytest.raises(UsageError, match="cannot be read"):
        TextPipeline(pre_tokenizer="regex:[a-z").splitters()


def test_pipeline_survives_a_manifest() -> None:
    pipeline = TextPipeline(("nfc", "lowercase"), "regex:a|b", "triple")
    assert TextPipeline.from_dict(pipeline.as_dict(), "counts") == pipeline
