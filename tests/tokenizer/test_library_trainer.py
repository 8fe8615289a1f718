"""Training against the `tokenizers` library: the same vocabulary, the same merges.

Where the library differs from run to run (WordPiece), training is compared with a slow plain trainer written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, trainers

from tests.support.program import Ran, folder_bytes
from tests.support.texts import CROWDED_TEXT, PARALLEL
from tokit.arrays import Block
from tokit.corpus import open_corpus
from tokit.counts.counter import PreTokenCounter
from tokit.ops.train import train_tokenizer
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.families.base import TrainingJob
from tokit.tokenizer.special_tokens import SpecialTokens
from tokit.tokenizer.train.library_trainer import shortened

pytestmark = pytest.mark.slow

SPECIAL = SpecialTokens.parse()
Spec = dict[str, Any]


def trained_model(family: str, texts: list[str], size: int, **parameters: Any) -> Spec:
    """The `model` part of a tokenizer.json trained by tokit."""
    import json

    kind = FAMILIES.get(family)
    params = kind.Params(**parameters)
    pipeline = kind.default_pipeline(params)
    counter = PreTokenCounter(pipeline)
    counter.add(Block.of(text.encode("utf-8") for text in texts))
    trained = kind.train(
        TrainingJob(pipeline=pipeline, special=SPECIAL, vocab_size=size, params=params, counts=counter.counts())
    )
    spec: Spec = json.loads(trained.library.to_str())["model"]
    return spec


def reference_model(model: Any, trainer: Any, splitter: Any, texts: list[str]) -> Spec:
    import json

    library = Library(model)
    library.pre_tokenizer = splitter
    library.train_from_iterator(texts, trainer)
    spec: Spec = json.loads(library.to_str())["model"]
    return spec


def reference_bpe(texts: list[str], size: int, **options: Any) -> Spec:
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=SPECIAL.texts,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        **options,
    )
    return reference_model(models.BPE(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=False), texts)


def assert_same(ours: Spec, reference: Spec) -> None:
    assert ours["vocab"] == reference["vocab"]
    assert ours.get("merges") == reference.get("merges")


# --- bpe

PARALLEL_LINES = {path.stem: path.read_text("utf-8").split("\n") for path in sorted(PARALLEL.glob("*.txt"))}
CORPORA = {
    "english": PARALLEL_LINES["en"],
    "all": [line for lines in PARALLEL_LINES.values() for line in lines],
    "thai and chinese": PARALLEL_LINES["th"] + PARALLEL_LINES["zh"],
    "repetitive": ["a" * n for n in range(1, 40)]
    + ["ab" * n for n in range(1, 20)]
    + ["aab" * 9, "aaaa aaaa aaa", "bbaabb" * 7],
    "one letter": ["aaaa"],
    "white space": [" " * 9, "\n\n\n \n", "a  b   c", "\t\t\tx"],
    "nothing": [""],
}


@pytest.mark.parametrize("size", [261, 262, 300, 700, 5000])
@pytest.mark.parametrize("name", list(CORPORA))
def test_bpe_equals_the_library(name: str, size: int) -> None:
    assert_same(trained_model("bpe", CORPORA[name], size), reference_bpe(CORPORA[name], size))


@pytest.mark.parametrize("min_frequency", [0, 1, 2, 3, 10])
@pytest.mark.parametrize("name", ["english", "repetitive"])
def test_bpe_min_frequency_equals_the_library(name: str, min_frequency: int) -> None:
    ours = trained_model("bpe", CORPORA[name], 900, min_frequency=min_frequency)
    assert_same(ours, reference_bpe(CORPORA[name], 900, min_frequency=min_frequency))


@pytest.mark.parametrize("longest", [3, 4, 6, 20])
@pytest.mark.parametrize("name", ["all", "repetitive"])
def test_bpe_max_token_length_equals_the_library(name: str, longest: int) -> None:
    ours = trained_model("bpe", CORPORA[name], 900, max_token_length=longest)
    assert_same(ours, reference_bpe(CORPORA[name], 900, max_token_length=longest))


REPETITIVE = st.text("ab \n", max_size=24)


@settings(max_examples=120)
@given(
    texts=st.lists(st.one_of(REPETITIVE, REPETITIVE, CROWDED_TEXT), min_size=1, max_size=8),
    repeats=st.integers(1, 3),
    size=st.integers(261, 320),
    min_frequency=st.integers(0, 4),
)
def test_bpe_equals_the_library_on_any_text(texts: list[str], repeats: int, size: int, min_frequency: int) -> None:
    ours = trained_model("bpe", texts * repeats, size, min_frequency=min_frequency)
    assert_same(ours, reference_bpe(texts * repeats, size, min_frequency=min_frequency))


def test_bpe_words_with_private_characters() -> None:
    """Counts are replayed with a separator that must not be in any word."""
    texts = ["\ue000a \ue001b \ue000\ue001", "\ue000a"] * 3
    assert_same(trained_model("bpe", texts, 300), reference_bpe(texts, 300))


def test_bpe_encodes_as_the_library(lines: list[str], bpe_folder: Path) -> None:
    from tokit.tokenizer.load import load_tokenizer

    ours = load_tokenizer(bpe_folder)
    spec = ours.specification()["model"]  # type: ignore[attr-defined]
    library = Library(models.BPE(vocab=spec["vocab"], merges=[tuple(merge) for merge in spec["merges"]]))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert ours.encode_batch(lines) == [library.encode(line).ids for line in lines]


# --- word


@pytest.mark.parametrize("size", [10, 50, 300, 4000])
@pytest.mark.parametrize("name", list(CORPORA))
def test_word_equals_the_library(name: str, size: int) -> None:
    special = SPECIAL.with_unknown().texts
    trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    reference = reference_model(models.WordLevel(), trainer, pre_tokenizers.Whitespace(), CORPORA[name])
    assert_same(trained_model("word", CORPORA[name], size), reference)


def test_word_with_bytes_has_the_most_frequent_words() -> None:
    vocab = trained_model("word", ["b b b a a c"], 266, unknown="bytes")["vocab"]
    assert list(vocab)[:5] == SPECIAL.texts
    assert list(vocab)[5:261] == list(byte_alphabet())
    # Single letters are among the bytes already, and ties go by code point.
    assert list(vocab)[261:] == ["Ġa", "Ġb", "Ġc"]


# --- wordpiece


def plain_wordpiece(words: dict[str, int], size: int, min_frequency: int = 0) -> dict[str, int]:
    """WordPiece by definition: the most frequent pair first, ties to smaller ids; `##` marks pieces inside a word."""
    inner = sorted({"##" + sign for word in words for sign in word[1:]})
    vocab = [*SPECIAL.with_unknown().texts, *inner, *sorted({sign for word in words for sign in word})]
    ids = {token: i for i, token in enumerate(vocab)}
    rows = [([ids[s if i == 0 else "##" + s] for i, s in enumerate(word)], n) for word, n in words.items()]
    while len(ids) < size:
        pairs: Counter[tuple[int, int]] = Counter()
        for row, count in rows:
            for pair in pairwise(row):
                pairs[pair] += count
        if not pairs:
            break
        (left, right), count = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        if count < max(1, min_frequency):
            break
        token = vocab[left] + vocab[right].removeprefix("##")
        if token not in ids:
            ids[token] = len(ids)
            vocab.append(token)
        rows = [(joined(row, left, right, ids[token]), n) for row, n in rows]
    return ids


def joined(row: list[int], left: int, right: int, new: int) -> list[int]:
    out: list[int] = []
    i = 0
    while i < len(row):
        if row[i : i + 2] == [left, right]:
            out.append(new)
            i += 2
        else:
            out.append(row[i])
            i += 1
    return out


def words_of(texts: list[str]) -> dict[str, int]:
    counter = PreTokenCounter(TextPipeline(pre_tokenizer="bert"))
    counter.add(Block.of(text.encode("utf-8") for text in texts))
    return dict(counter.counts().items())


@pytest.mark.parametrize("min_frequency", [0, 2])
@pytest.mark.parametrize(
    ("name", "size"), [("english", 150), ("english", 300), ("repetitive", 40), ("thai and chinese", 900)]
)
def test_wordpiece_equals_the_plain_trainer(name: str, size: int, min_frequency: int) -> None:
    ours = trained_model("wordpiece", CORPORA[name], size, min_frequency=min_frequency)["vocab"]
    assert ours == plain_wordpiece(words_of(CORPORA[name]), size, min_frequency)


@settings(max_examples=60)
@given(texts=st.lists(st.text("abc ", min_size=1, max_size=20), min_size=1, max_size=6), size=st.integers(14, 30))
def test_wordpiece_equals_the_plain_trainer_on_any_text(texts: list[str], size: int) -> None:
    assert trained_model("wordpiece", texts, size)["vocab"] == plain_wordpiece(words_of(texts), size)


@pytest.mark.parametrize("family", ["bpe", "wordpiece", "word", "char", "spm"])
def test_bytes_do_not_depend_on_process_and_threads(
    shell: Callable[..., Ran], corpus_file: Path, tmp_path: Path, family: str
) -> None:
    for seed, threads in (("1", "1"), ("2", "2")):
        command = f"tokit train {family} {corpus_file} -v 2500 -o {seed} --threads {threads}"
        assert shell(command, PYTHONHASHSEED=seed).code == 0
    assert folder_bytes(tmp_path / "1") == folder_bytes(tmp_path / "2")


# --- unigram


def test_unigram_pieces_and_scores(trained_folder: Callable[[str], Path]) -> None:
    from tokit.storage.folder import read_manifest
    from tokit.storage.manifests import TokenizerManifest

    folder = trained_folder("unigram")
    vocab = _unigram_vocab(folder)
    pieces = [piece for piece, _ in vocab]
    assert pieces[:5] == SPECIAL.texts
    assert set(byte_alphabet()) <= set(pieces[5:])
    assert len(pieces) == len(set(pieces)) == 3000
    assert all(set(piece) <= set(byte_alphabet()) and len(piece) <= 16 for piece in pieces[5:])
    assert all(-50 < score < 0 for _, score in vocab[5:])
    assert "Ġthe" in pieces
    manifest = read_manifest(folder, TokenizerManifest)
    assert manifest.reproducible is False
    assert "hash table" in manifest.not_reproducible_because


def test_unigram_equals_the_library() -> None:
    texts = CORPORA["english"] * 3
    trainer = trainers.UnigramTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[], show_progress=False
    )
    reference = reference_model(models.Unigram(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=False), texts)
    ours = trained_model("unigram", texts, 405)
    scores = dict(ours["vocab"][5:])
    expected = dict(reference["vocab"])
    assert set(scores) == set(expected)
    # The library sums in the order of a hash table, and the scores of bytes that it never uses depend on that order.
    longer = [piece for piece in expected if len(piece) > 1]
    assert len(longer) > 100
    assert all(abs(scores[piece] - expected[piece]) < 0.001 for piece in longer)


def _unigram_vocab(folder: Path) -> list[tuple[str, float]]:
    import json

    vocab: list[tuple[str, float]] = json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]
    return vocab


# --- char and byte


def test_char_takes_the_most_frequent_first(train: Callable[..., Tokenizer]) -> None:
    tokenizer = train(["bbbaacd"], family="char")
    assert tokenizer.pieces.names[261:] == ("b", "a", "c", "d")
    assert train(["bbbaacd"], family="char", size=263).pieces.names[261:] == ("b", "a")
    covered = train(["bbbaacd"], family="char", settings={"character_coverage": 0.7})
    assert covered.pieces.names[261:] == ("b", "a")
    frequent = train(["bbbaacd"], family="char", settings={"min_frequency": 2})
    assert frequent.pieces.names[261:] == ("b", "a")
    assert frequent.encode("abd") == [262, 261, 5 + ord("d")]


def test_byte_has_one_id_for_each_byte(train: Callable[..., Tokenizer]) -> None:
    tokenizer = train(["x"], family="byte")
    assert tokenizer.vocab_size == 261
    assert tokenizer.encode("aé\n") == [5 + byte for byte in "aé\n".encode()]


@pytest.mark.parametrize("family", ["unigram", "wordpiece"])
def test_words_without_an_end_are_trained_on_in_parts(tmp_path: Path, family: str) -> None:
    """300,000 characters without a space took minutes: the library's time grows with the square of a word's length."""
    text = tmp_path / "dna.txt"
    text.write_text("ACGTTGCA" * 12_500 + "\nthe cat sat\n", encoding="utf-8")
    report = train_tokenizer(open_corpus([str(text)]), tmp_path / "tok", family=family, vocab_sizes=(300,))
    assert any("over 1,000 characters" in note for note in report.notes)
    assert report.seconds < 20
    short = tmp_path / "short.txt"
    short.write_text("the cat sat\n", encoding="utf-8")
    report = train_tokenizer(open_corpus([str(short)]), tmp_path / "short", family=family, vocab_sizes=(300,))
    assert report.notes == ()


def test_parts_of_long_words_are_all_there() -> None:
    words = [("a" * 2500, 3), ("b", 2), ("a" * 500, 1)]
    parts, notes = shortened(words)
    assert sorted(parts) == [("a" * 500, 4), ("a" * 1000, 6), ("b", 2)]
    assert len(notes) == 1
    assert shortened([("b", 2)]) == ([("b", 2)], ())
