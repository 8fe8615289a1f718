"""Merges learned in the kernel are the reference trainer's, and those of a slow plain one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokit.tokenizer.families.bpe
import tokit.tokenizer.families.wordpiece
import tokit.tokenizer.train.merge_trainer
from tests.support.engines import engine
from tests.support.texts import ANY_TEXT
from tokit.arrays import Counts
from tokit.progress import silent
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.families.base import TokenizerFamily, TrainingJob
from tokit.tokenizer.families.bpe import Bpe, BpeParams
from tokit.tokenizer.families.wordpiece import WordPiece, WordPieceParams
from tokit.tokenizer.special_tokens import SpecialTokens
from tokit.tokenizer.train.merge_trainer import MergeLimits, SymbolWords, learn

# Few letters make long runs, overlaps and ties.
REPETITIVE = st.text(st.sampled_from("aab"), min_size=1, max_size=12)
WORDS = st.dictionaries(
    st.one_of(
        REPETITIVE, REPETITIVE, st.text(st.sampled_from("abcé日"), min_size=1, max_size=8), ANY_TEXT.filter(bool)
    ),
    st.integers(1, 9),
    min_size=1,
    max_size=12,
)


def plain_merges(words: dict[str, int], wanted: int, least: int = 1) -> list[tuple[int, int]]:
    """All pairs counted anew for every merge; symbols are code points, and made ones follow 1000."""
    split = [([ord(character) for character in word], count) for word, count in words.items()]
    merges: list[tuple[int, int]] = []
    while len(merges) < wanted:
        pairs: Counter[tuple[int, int]] = Counter()
        for symbols, count in split:
            for pair in pairwise(symbols):
                pairs[pair] += count
        if not pairs or max(pairs.values()) < least:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = [(joined(symbols, best, 999 + len(merges)), count) for symbols, count in split]
    return merges


def joined(symbols: list[int], pair: tuple[int, int], made: int) -> list[int]:
    done: list[int] = []
    k = 0
    while k < len(symbols):
        if tuple(symbols[k : k + 2]) == pair:
            done.append(made)
            k += 2
        else:
            done.append(symbols[k])
            k += 1
    return done


def symbols_of(words: dict[str, int]) -> SymbolWords:
    texts = list(words)
    symbols = np.array([ord(character) for text in texts for character in text], dtype=np.int32)
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return SymbolWords(symbols, ends, np.array(list(words.values()), dtype=np.int64), 1000)


@settings(max_examples=300)
@given(
    words=st.dictionaries(st.text(st.sampled_from("aabcd"), min_size=1, max_size=15), st.integers(1, 9), min_size=1),
    wanted=st.integers(1, 40),
    least=st.integers(0, 12),
)
def test_merges_of_a_plain_trainer(words: dict[str, int], wanted: int, least: int) -> None:
    found = learn(symbols_of(words), MergeLimits(wanted, least), silent)
    assert found == plain_merges(words, wanted, max(least, 1))


def test_counts_beyond_32_bits() -> None:
    words = {"ab": 2**33, "cd": 2**33 + 1, "ce": 2**32}
    merges = learn(symbols_of(words), MergeLimits(3), silent)
    assert merges == [(ord("c"), ord("d")), (ord("a"), ord("b")), (ord("c"), ord("e"))]


@settings(max_examples=200)
@given(
    words=st.dictionaries(st.text(st.sampled_from("aabcd"), min_size=1, max_size=9), st.integers(1, 99), min_size=5),
    wanted=st.integers(1, 20),
)
def test_no_merged_pair_is_below_the_bar(words: dict[str, int], wanted: int) -> None:
    # As few first symbols as there are letters, so that the words' counts set the bar.
    numbers = {letter: k for k, letter in enumerate("abcd")}
    split = symbols_of(words)
    symbols = np.array([numbers[chr(point)] for point in split.symbols], dtype=np.int32)
    learned = learn(SymbolWords(symbols, split.ends, split.counts, 4), MergeLimits(wanted), silent)
    ids = {**{ord(letter): k for letter, k in numbers.items()}, **{1000 + k: 4 + k for k in range(wanted)}}
    assert learned == [(ids[left], ids[right]) for left, right in plain_merges(words, wanted)]


def test_tables_that_must_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    words = {"".join(rng.choice(list("abcdefghij"), 9)): int(count) for count in rng.integers(1, 50, 300)}
    roomy = learn(symbols_of(words), MergeLimits(500), silent)
    monkeypatch.setattr(tokit.tokenizer.train.merge_trainer, "FIRST_PAIRS", 4)
    monkeypatch.setattr(tokit.tokenizer.train.merge_trainer, "BATCH", 7)
    ticks: list[int] = []
    assert learn(symbols_of(words), MergeLimits(500), lambda progress: ticks.append(progress.done)) == roomy
    assert roomy == plain_merges(words, 500)
    assert ticks[-1] == 500 and len(ticks) > 500 // 7


def vocabularies(
    family: type[TokenizerFamily], params: object, words: dict[str, int], sizes: Sequence[int], by: str
) -> list[dict[str, int]]:
    counts = Counts.of({word.encode("utf-8"): count for word, count in words.items()})
    pipeline = TextPipeline(pre_tokenizer="gpt2" if family is Bpe else "whitespace-split")
    with engine(by):
        special = SpecialTokens.parse()
        job = TrainingJob(pipeline=pipeline, special=special, vocab_size=None, params=params, counts=counts)
        made = family.train_sizes(job, sizes)
    return [trained.library.to_str() for trained in made]


@settings(max_examples=100)
@given(words=WORDS, least=st.integers(0, 8), longest=st.one_of(st.none(), st.integers(3, 7)))
def test_bpe_of_the_reference(words: dict[str, int], least: int, longest: int | None) -> None:
    params = BpeParams(min_frequency=least, max_token_length=longest)
    kernels, reference = (vocabularies(Bpe, params, words, [300], by) for by in ("kernels", "reference"))
    assert kernels == reference


@settings(max_examples=100)
@given(words=WORDS, least=st.integers(0, 8), more=st.integers(0, 40))
def test_wordpiece_of_the_reference(words: dict[str, int], least: int, more: int) -> None:
    words = {"".join(word.split()) or "x": count for word, count in words.items()}
    alphabet = len({character for word in words for character in word})
    inner = len({character for word in words for character in word[1:]})
    params = WordPieceParams(min_frequency=least)
    size = 6 + alphabet + inner + more
    kernels, reference = (vocabularies(WordPiece, params, words, [size], by) for by in ("kernels", "reference"))
    assert kernels == reference


@pytest.mark.parametrize("by", ["kernels", "reference"])
@pytest.mark.parametrize(("family", "params"), [(Bpe, BpeParams()), (WordPiece, WordPieceParams())])
def test_sizes_of_one_run_are_those_of_their_own(family: type[TokenizerFamily], params: object, by: str) -> None:
    words = {"banana": 9, "bandana": 7, "ananas": 5, "nan": 3, "band": 2}
    sizes = [262, 275, 400] if family is Bpe else [16, 20, 40]
    together = vocabularies(family, params, words, sizes, by)
    assert together == [vocabularies(family, params, words, [size], by)[0] for size in sizes]


class ReplayedError(Exception):
    """The reference was asked."""


@pytest.mark.parametrize(("family", "params", "size"), [(Bpe, BpeParams(), 265), (WordPiece, WordPieceParams(), 16)])
def test_work_is_measured_by_occurrences(
    monkeypatch: pytest.MonkeyPatch, family: type[TokenizerFamily], params: object, size: int
) -> None:
    def replayed(*_: object) -> dict[str, object]:
        raise ReplayedError

    monkeypatch.setattr(tokit.tokenizer.families.bpe, "train_from_counts", replayed)
    monkeypatch.setattr(tokit.tokenizer.families.wordpiece, "train_from_counts", replayed)
    # Beyond 31 bits, where the reference's counts of pairs become negative.
    often = {"banana": 2**31, "band": 2**31 + 1}
    assert vocabularies(family, params, often, [size], "auto") == vocabularies(family, params, often, [size], "kernels")
    with pytest.raises(ReplayedError):
        vocabularies(family, params, {"banana": 2, "band": 3}, [size], "auto")
