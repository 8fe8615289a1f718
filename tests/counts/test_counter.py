"""Counting: stretches between lone spaces give the counts of whole documents."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engines import engine
from tests.support.texts import ANY_TEXT, CROWDED_SIGNS, HOSTILE_TEXTS
from tokit.arrays import Block, Counts
from tokit.counts import library_counter
from tokit.counts.counter import PreTokenCounter
from tokit.text.pipeline import DIGITS, NORMALIZERS, PRE_TOKENIZERS, TextPipeline, join_steps

pytestmark = pytest.mark.slow

NORMALIZER_LISTS = st.lists(st.sampled_from(NORMALIZERS), max_size=3).map(tuple)


def counted(pipeline: TextPipeline, texts: list[str], by: str = "reference") -> dict[str, int]:
    with engine(by):
        counter = PreTokenCounter(pipeline)
        counter.add(Block.of(text.encode("utf-8") for text in texts))
        counts = counter.counts()
    words = [word.encode("utf-8") for word, _ in counts.items()]
    assert words == sorted(words)
    return dict(counts.items())


def pre_tokenized_whole(pipeline: TextPipeline, texts: list[str]) -> dict[str, int]:
    """The reference on whole documents."""
    normalizer, splitter = pipeline.normalizer(), join_steps(pipeline.splitters())
    words: Counter[str] = Counter()
    for text in texts:
        normal = text if normalizer is None else normalizer.normalize_str(text)
        pieces = [normal] if splitter is None else [piece for piece, _ in splitter.pre_tokenize_str(normal)]
        words.update(piece for piece in pieces if piece)
    return dict(words)


@pytest.mark.parametrize("by", ["reference", "kernels"])
@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
@settings(max_examples=60)
@given(
    texts=st.lists(CROWDED_SIGNS | CROWDED_SIGNS | ANY_TEXT, min_size=1, max_size=4),
    normalizers=NORMALIZER_LISTS,
)
def test_counts_are_those_of_whole_documents(
    name: str, digits: str, by: str, texts: list[str], normalizers: tuple[str, ...]
) -> None:
    pipeline = TextPipeline(normalizers, name, digits)
    assert counted(pipeline, texts, by) == pre_tokenized_whole(pipeline, texts)


@pytest.mark.parametrize(
    ("pipeline", "text"),
    [
        # Punctuation cuts at no space at all.
        (TextPipeline(pre_tokenizer="punctuation"), "the cat sat, the cat"),
        # Macron and diaeresis become a space and a mark, and the mark is taken off: what was visible is white space.
        (TextPipeline(("nfkd", "strip-accents"), "gpt2"), " \u200b¯ ¨\nx"),
        (TextPipeline(("strip-accents",), "gpt2"), "a \u0301 \u0301 b"),
        (TextPipeline(("lowercase",), "gpt2"), "ΑΣ ΑΣ ΑΣ\u0301 Σ"),
        (TextPipeline(("nfkc",), "cl100k"), "a \u00a0 b ´ c"),
        (TextPipeline(pre_tokenizer=r"regex:\w+ \w+"), "the cat the cat"),
    ],
)
def test_text_where_stretches_depend_on_context(pipeline: TextPipeline, text: str) -> None:
    assert counted(pipeline, [text, text]) == pre_tokenized_whole(pipeline, [text, text])


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_hostile_documents(name: str, lines: list[str]) -> None:
    pipeline = TextPipeline(pre_tokenizer=name)
    texts = [*HOSTILE_TEXTS, *lines]
    assert counted(pipeline, texts) == pre_tokenized_whole(pipeline, texts)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_document_of_many_windows(name: str, lines: list[str]) -> None:
    pipeline = TextPipeline(pre_tokenizer=name, digits="triple")
    texts = [" ".join(lines), ",".join(lines).replace(" ", ""), "".join(lines) * 2]
    assert counted(pipeline, texts, "kernels") == pre_tokenized_whole(pipeline, texts)


def test_long_document_without_spaces_is_counted() -> None:
    """It is one window, of more words than an empty table has room for."""
    text = "日本、語。" * 60_000
    distinct = "、".join(chr(point) for point in range(0x4E00, 0x9E00))
    assert counted(TextPipeline(), [text, distinct], "kernels") == pre_tokenized_whole(TextPipeline(), [text, distinct])


def test_block_borders_and_a_full_table_do_not_matter(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PreTokenCounter(TextPipeline())
    whole.add(Block.of(line.encode("utf-8") for line in lines))
    monkeypatch.setattr(library_counter, "MAX_STRETCHES", 10)
    piecewise = PreTokenCounter(TextPipeline())
    for line in lines:
        piecewise.add(Block.of([line.encode("utf-8")]))
    assert piecewise.counts().items() == whole.counts().items()


def test_counts_are_sorted_by_bytes_and_can_be_taken_twice() -> None:
    counter = PreTokenCounter(TextPipeline())
    counter.add(Block.of([b"to be or not to be", "😀 \uffff é".encode()]))
    items = counter.counts().items()
    assert items == counter.counts().items()
    assert dict(items)[" be"] == 2
    words = [word.encode("utf-8") for word, _ in items]
    assert words == sorted(words)


def test_counts_of_a_table_drop_zeros() -> None:
    counts = Counts.of({b"b": 2, b"a": 3_000_000_000, b"": 0})
    assert counts.items() == [("a", 3_000_000_000), ("b", 2)]
    assert counts.total == 3_000_000_002
    assert len(Counts.of({})) == 0
    assert Counts.of({}).items() == []
