"""`tokit near --context` and `tokit embed --words`: held against transformers' own vectors and plain loops."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

import torch

from tests.support.contextual_models import CONTEXT, FAMILIES, save_model
from tests.support.program import Ran, assert_error
from tokit.lm.word_in_context import InContext, NearestOccurrences, Occurrence
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.word_starts import word_starts

Cli = Callable[..., Ran]
TEXTS = [
    "They sat on the bank of the river, and the river (the old one) ran to the sea.",
    "The bank gave the money back; the banks did not.",
    "",
    "Don’t bank on the river.",
    "A sea of money, a bank of sand: the Bank of the sea.",
    "Naïve 日本語 river-bank 12 b4nk",
]
QUERY = "we left the money at the bank by the sea"


@pytest.fixture(scope="module", autouse=True)
def _no_bars() -> None:
    import transformers

    transformers.utils.logging.disable_progress_bar()


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(request.param, bpe_folder, tmp_path_factory.mktemp("near") / request.param)


@pytest.fixture(scope="module")
def bert(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("bert", bpe_folder, tmp_path_factory.mktemp("near") / "bert")


class Theirs:
    """Words' vectors by transformers alone, one text at a time."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.model = AutoModel.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self._known: dict[str, Any] = {}

    def states(self, ids: list[int]) -> Any:
        with torch.no_grad():
            return self.model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()

    def vector(self, text: str, start: int, end: int) -> Any:
        given = self.tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
        if text not in self._known:
            self._known[text] = self.states(given["input_ids"])
        states = self._known[text]
        rows = [
            state
            for state, (a, b), special in zip(
                states, given["offset_mapping"], given["special_tokens_mask"], strict=True
            )
            if not special and a < end and b > start
        ]
        return np.mean(rows, axis=0)


def cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


# --- near, in a corpus


def test_neighbors_in_a_corpus_are_those_of_a_plain_loop(model: Path, cli: Cli, tmp_path: Path) -> None:
    theirs = Theirs(model)
    start = QUERY.index("bank")
    query = theirs.vector(QUERY, start, start + 4)
    found = [
        (cosine(query, theirs.vector(text, *match.span())), match.group(), text, match.start())
        for text in TEXTS
        for match in re.finditer(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text)
    ]
    corpus = write(tmp_path / "text.txt", TEXTS)
    ran = cli("near", "bank", "--context", QUERY, "-e", model, "-c", corpus, "-k", 6, "--per-word", 2, "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown["words"] == len(found) and shown["of"] == "corpus"
    wanted: list[Any] = []
    for each in sorted(found, reverse=True):
        if sum(each[1].casefold() == other[1].casefold() for other in wanted) < 2:
            wanted.append(each)
    for ours, (score, word, text, at) in zip(shown["neighbors"], wanted[:6], strict=True):
        assert ours["similarity"] == pytest.approx(score, abs=1e-4)
        assert (ours["word"], ours["text"], ours["start"]) == (word, text, at)
        assert text[ours["start"] : ours["end"]] == word


def test_a_word_is_marked_in_its_sentence(bert: Path, cli: Cli, tmp_path: Path) -> None:
    corpus = write(tmp_path / "text.txt", [*TEXTS, "so " * 40 + "bank\tand " + "on " * 60])
    ran = cli("near", "bank", "--context", QUERY, "-e", bert, "-c", corpus, "-k", 4, "--per-word", 9)
    head, *rows = ran.text.splitlines()
    assert ran.code == 0 and head.split() == ["bank", "where", "cosine"] and len(rows) == 4
    assert len({row.index("«") for row in rows}) == 1
    for row in rows:
        assert re.match(r"(\S+) +.*«\1».* -?\d\.\d{4}$", row), row


def test_the_place_itself_is_no_neighbor(bert: Path, cli: Cli, tmp_path: Path) -> None:
    corpus = write(tmp_path / "text.txt", [QUERY, *TEXTS])
    ran = cli("near", "bank", "--context", QUERY, "-e", bert, "-c", corpus, "-k", 3, "--json")
    assert all(each["text"] != QUERY or each["word"] != "bank" for each in json.loads(ran.out)["neighbors"])
    assert json.loads(ran.out)["neighbors"][0]["similarity"] < 0.9999


def test_the_best_are_the_best_however_they_come() -> None:
    random = np.random.default_rng(0)
    every = [
        Occurrence(str(word), float(score))
        for word, score in zip(random.integers(0, 12, 400), random.random(400), strict=True)
    ]
    wanted: list[Occurrence] = []
    for each in sorted(every, key=lambda one: -one.similarity):
        if sum(each.word == other.word for other in wanted) < 3:
            wanted.append(each)
    best = NearestOccurrences(10, 3)
    for first in range(0, 400, 37):
        best.add([each for each in every[first : first + 37] if each.similarity > best.floor])
    assert best.result() == tuple(wanted[:10])


def test_documents_are_cut_as_the_model_takes_them(bert: Path, cli: Cli, tmp_path: Path) -> None:
    corpus = write(tmp_path / "text.txt", ["sea " * 200, "the river"])
    ran = cli("near", "bank", "--context", QUERY, "-e", bert, "-c", corpus, "-k", 3, "--json")
    assert 2 < json.loads(ran.out)["words"] <= CONTEXT


# --- near, in the vocabulary


def test_neighbors_in_the_vocabulary_stand_alone(model: Path, cli: Cli) -> None:
    theirs, pieces = Theirs(model), load_tokenizer(model).pieces
    ran = cli("near", "the", "--context", "to the sea", "-e", model, "-k", 5, "--json")
    shown = json.loads(ran.out)
    assert shown["of"] == "vocabulary" and len(shown["neighbors"]) == 5
    query = theirs.vector("to the sea", 3, 6)
    scores = {}
    for token, text in enumerate(pieces.texts):
        if re.fullmatch(r" [^\W\d_]{2,}", text) and not pieces.special[token]:
            given = theirs.tokenizer(text)["input_ids"]
            assert token in given
            scores[text.strip()] = cosine(query, theirs.states(given)[given.index(token)])
    assert shown["words"] == len(scores) > 8
    del scores["the"]
    scores.pop("The", None)
    wanted = sorted(scores, key=lambda name: -scores[name])[:5]
    assert [each["word"] for each in shown["neighbors"]] == wanted
    assert [each["similarity"] for each in shown["neighbors"]] == pytest.approx(
        [scores[name] for name in wanted], abs=1e-4
    )
    table = cli("near", "the", "--context", "to the sea", "-e", model, "-k", 5).text.splitlines()
    assert [row.split()[0] for row in table] == ["the", *wanted]


def test_a_layer_can_be_chosen(bert: Path, cli: Cli) -> None:
    asked = ["near", "the", "--context", "to the sea", "-e", bert, "--json", "--layer"]
    last, named, first = (cli(*asked, layer).out for layer in ("-1", "2", "0"))
    assert last == named != first
    assert_error(cli(*asked, "7"), 2, "--layer 7")


# --- which word is meant


@pytest.mark.parametrize(
    ("word", "text", "start"),
    [
        ("bank", "banks, embankment; the bank", 23),
        ("bank", "The Bank of the sea", 4),
        ("bank", "The Bank and the bank", 17),
        ("C++", "C and C++ and C", 6),
        ("New York", "to New York", 3),
        (" sea ", "the sea", 4),
    ],
)
def test_the_word_is_found_as_a_whole(word: str, text: str, start: int) -> None:
    found = InContext.of(word, text)
    assert (found.start, found.word) == (start, text[start : found.end])
    assert found.word.casefold() == word.strip().casefold()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["bank", "--context", "embankments"], "'bank' is not a word of"),
        (["bank", "--context", "the bank \udcff"], "--context is not UTF-8"),
        (["b\udcff", "--context", "the bank"], "the word is not UTF-8"),
        (["", "--context", "x"], "is not a word of"),
        (["a", "b", "--context", "a b"], "one word, not 2"),
        (["--context", "a b"], "one word, not 0"),
        (["a", "-c", "@lee"], "go with --context"),
        (["a", "--layer", "1"], "go with --context"),
        (["a", "--context", "a b", "--method", "mul"], "--method mul"),
        (["a", "--context", "a b", "--per-word", "3"], "--per-word is for -c"),
        (["a", "--context", "a b", "-k", "0"], "-k 0"),
        (["sea", "--context", "by the " * CONTEXT + "sea"], "beyond the model"),
    ],
)
def test_wrong_options_are_named(bert: Path, cli: Cli, given: list[str], said: str) -> None:
    assert_error(cli("near", "-e", bert, *given), 2, said)


def test_other_artifacts_and_empty_text(bert: Path, bpe_folder: Path, cli: Cli, tmp_path: Path) -> None:
    assert_error(cli("near", "a", "--context", "a b", "-e", bpe_folder), 2, "no language model")
    assert_error(cli("near", "a", "-e", bert), 2, "is a language model", "--context")
    assert_error(cli("near", "a", "--context", "a b", "-e", tmp_path / "none"), 1, "none: no such file or folder")
    empty = write(tmp_path / "empty.txt", ["12 34"])
    assert_error(cli("near", "a", "--context", "a b", "-e", bert, "-c", empty), 1, "empty")


# --- words of a document


def test_words_are_the_means_of_their_pieces(model: Path, cli: Cli, tmp_path: Path) -> None:
    corpus = write(tmp_path / "text.txt", TEXTS)
    pieces, words = (
        [json.loads(line) for line in cli("embed", corpus, "-e", model, "--tokens", *more).out.splitlines()]
        for more in ([], ["--words"])
    )
    tokenizer = load_tokenizer(model)
    begins = dict(zip(tokenizer.pieces.names, word_starts(tokenizer.pieces).tolist(), strict=True))
    for text, by_piece, by_word in zip(TEXTS, pieces, words, strict=True):
        groups: list[list[int]] = []
        for number, token in enumerate(by_piece["tokens"]):
            if not groups or begins[token]:
                groups.append([])
            groups[-1].append(number)
        wanted = [np.mean([by_piece["vectors"][i] for i in group], axis=0) for group in groups]
        assert len(by_word["vectors"]) == len(by_word["words"]) == len(groups)
        assert np.allclose(by_word["vectors"], wanted, atol=1e-5) if groups else True
        # What the words write is the text, but for the spaces between them.
        assert "".join(by_word["words"]) == text.replace(" ", "")
    assert words[3]["words"] == ["Don", "’t", "bank", "on", "the", "river", "."]
    assert len(pieces[3]["tokens"]) > 7


def test_words_go_into_a_file_with_their_ends(bert: Path, cli: Cli, tmp_path: Path) -> None:
    corpus = write(tmp_path / "text.txt", [*TEXTS, "sea " * 200])
    out = tmp_path / "v.npy"
    ran = cli("embed", corpus, "-e", bert, "--tokens", "--words", "-o", out)
    assert ran.code == 0 and "which were truncated: 1" in ran.err
    lines = [json.loads(line) for line in cli("embed", corpus, "-e", bert, "--tokens", "--words").out.splitlines()]
    assert np.load(tmp_path / "v.ends.npy").tolist() == np.cumsum([len(line["words"]) for line in lines]).tolist()
    assert np.allclose(np.load(out), [row for line in lines for row in line["vectors"]], atol=1e-5)


def test_words_need_tokens(bert: Path, cli: Cli) -> None:
    assert_error(cli("embed", "-e", bert, "--words", stdin=b"x\n"), 2, "--words goes with --tokens")


def test_a_vocabulary_of_words_has_a_word_in_each_token(trained_folder: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(trained_folder("word"))
    assert word_starts(tokenizer.pieces).all()
    assert not word_starts(load_tokenizer(trained_folder("bpe")).pieces).all()
