"""Tokenizers on which the libraries fail or panic: an error names the file and the text, and other work goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Ran, assert_error
from tests.support.texts import PARALLEL
from tokit.arrays import Block
from tokit.errors import ArtifactError
from tokit.text.library_failures import library_opens, run_library
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
WORDS = {"type": "WordLevel", "vocab": {"the": 0, "cat": 1, "[UNK]": 2}, "unk_token": "[UNK]"}
CLS = {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}
TEXT, SECOND = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
FIRST = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}


def write(folder: Path, model: dict[str, Any] = WORDS, **parts: Any) -> Path:
    """A tokenizer.json of a few words."""
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    spec = {"version": "1.0", **empty, "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}}
    path = folder / "words.json"
    path.write_text(json.dumps({**spec, "model": model, **parts}), encoding="utf-8")
    return path


def template(*single: Any, tokens: dict[str, Any]) -> dict[str, Any]:
    return {"type": "TemplateProcessing", "single": single, "pair": [TEXT, SECOND], "special_tokens": tokens}


def backtracking(folder: Path) -> Path:
    """A tokenizer whose pattern gives up on a long run of one letter: the library panics there."""
    pattern = {"type": "Split", "pattern": {"Regex": "(a+)+$x|(a*)*b"}, "behavior": "Isolated", "invert": False}
    return write(folder, pre_tokenizer=pattern)


def unknown_less(kind: str, **settings: Any) -> dict[str, Any]:
    return {**WORDS, "type": kind, "vocab": {"the": 0, "cat": 1}, **settings}


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "WordLevel without its unknown token": ("unknown token '\\[UNK\\]'", {"model": unknown_less("WordLevel")}),
    "WordPiece without its unknown token": (
        "unknown token '\\[UNK\\]'",
        {"model": unknown_less("WordPiece", continuing_subword_prefix="##", max_input_chars_per_word=9)},
    ),
    "BPE without its unknown token": ("unknown token '\\[UNK\\]'", {"model": unknown_less("BPE", merges=[])}),
    "Unigram without one": (
        "no unknown token",
        {"model": {"type": "Unigram", "unk_id": None, "vocab": [["a", -1.0]], "byte_fallback": True}},
    ),
    "no vocabulary": ("vocabulary is empty", {"model": {**WORDS, "vocab": {}}}),
    "an id of billions": ("largest id", {"model": {**WORDS, "vocab": {"[UNK]": 0, "the": 4_000_000_000}}}),
    "an id beyond 32 bits": ("u32", {"model": {**WORDS, "vocab": {"[UNK]": 0, "the": 1 << 32}}}),
    "merges that panic": (
        "out of range",
        {"model": {**unknown_less("BPE"), "vocab": {"t": 0, "h": 1}, "merges": ["t h"]}},
    ),
    "a template's token without an id": ("without an id", {"post_processor": template(FIRST, TEXT, tokens={})}),
    "a template's id outside": (
        "99,999",
        {"post_processor": template(FIRST, TEXT, tokens={"[CLS]": {**CLS, "ids": [99_999]}})},
    ),
    "a template without the text": (r"\$A", {"post_processor": template(FIRST, tokens={"[CLS]": CLS})}),
    "a template with the text twice": (r"\$A", {"post_processor": template(TEXT, TEXT, tokens={})}),
    "a template of the second text": (r"\$A", {"post_processor": template(SECOND, tokens={})}),
    "BERT's frame outside": (
        "6,000",
        {"post_processor": {"type": "BertProcessing", "sep": ["x", 1], "cls": ["y", 6000]}},
    ),
    "a character map that is none": (
        "charsmap",
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    ),
    "a character map that points outside": (
        "fails on every text",
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAP////9hAA=="}},
    ),
    "pieces of length 0": ("fails on every text", {"pre_tokenizer": {"type": "FixedLength", "length": 0}}),
    "a pattern that is none": (
        "parenthesis",
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_tokenizer_that_would_fail_is_refused_when_opened(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    message, parts = FAULTS[name]
    path = write(tmp_path, **parts)
    with pytest.raises(ArtifactError, match=message) as refused:
        load_tokenizer(path)
    assert str(path) in refused.value.message and refused.value.hint
    # A panic prints its trace by itself.
    assert capfd.readouterr().err == ""


def test_stored_truncation_that_panics_is_off(tmp_path: Path) -> None:
    truncation = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 5}
    assert load_tokenizer(write(tmp_path, truncation=truncation)).encode("the cat the cat") == [0, 1, 0, 1]


@pytest.mark.parametrize("engine", ["kernels", "reference"])
def test_panic_names_the_tokenizer_and_the_first_text(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKIT_ENGINE", engine)
    path = backtracking(tmp_path)
    tokenizer = load_tokenizer(path)
    texts = ["the", "cat"] * 20 + ["a" * 44, "the", "a" * 45]
    runs: list[Callable[[], Any]] = [
        lambda: tokenizer.encode_batch(texts),
        lambda: tokenizer.encode_batch(texts, EncodeOptions(add_special=True, parse_special=True, max_length=5)),
        lambda: tokenizer.offsets_batch(texts),
        lambda: tokenizer.encode_block(Block.of(text.encode() for text in texts)),
    ]
    for run in runs:
        with pytest.raises(ArtifactError, match=f"words.json fails on '{'a' * 44}'.*retry-limit"):
            run()
    assert tokenizer.encode("the") == [0]


def test_kernels_name_the_text_on_which_a_normalizer_panics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKIT_ENGINE", "kernels")
    replace = {"type": "Replace", "pattern": {"Regex": "(a+)+$x|(a*)*b"}, "content": "c"}
    tokenizer = load_tokenizer(write(tmp_path, normalizer=replace))
    assert tokenizer.encode_block(Block.of([b"the", b"cat"])).lists() == [[0], [1]]
    with pytest.raises(ArtifactError, match="fails on 'aaaa"):
        tokenizer.encode_block(Block.of([b"the", b"a" * 44]))


def test_compare_shows_the_other_tokenizers(cli: Cli, trained_folder: Callable[[str], Path], tmp_path: Path) -> None:
    good, missing = trained_folder("bpe"), write(tmp_path, model=unknown_less("WordLevel"))
    (tmp_path / "panics").mkdir()
    panics = backtracking(tmp_path / "panics")
    corpus = tmp_path / "text.txt"
    corpus.write_text("the cat\n" + "a" * 50 + "\nriver\n", encoding="utf-8")
    ran = cli("compare", missing, good, panics, "-c", corpus)
    assert ran.code == 1 and "3 documents" in ran.err
    assert "unknown token '[UNK]'" in ran.err and "retry-limit" in ran.err and "Traceback" not in ran.err
    rows = [row.split() for row in ran.text.splitlines()[1:]]
    assert len(rows) == 3 and set(rows[0][1:]) == {"-"} and rows[2][1:3] == ["wordlevel", "3"]
    report = json.loads(cli("compare", missing, good, panics, "-c", corpus, "--json").out)["tokenizers"]
    alone = json.loads(cli("compare", good, "-c", corpus, "--json").out)["tokenizers"][0]
    assert {name: value for name, value in report[1].items() if "speed" not in name and "per_s" not in name} == {
        name: value for name, value in alone.items() if "speed" not in name and "per_s" not in name
    }
    assert "[UNK]" in report[0]["failure"] and report[0]["vocab_size"] is None and report[2]["vocab_size"] == 3


def test_compare_without_one_that_opens_is_an_error(cli: Cli, tmp_path: Path) -> None:
    missing = write(tmp_path, model=unknown_less("WordLevel"))
    assert_error(cli("compare", missing, missing, "-c", PARALLEL / "en.txt"), 1, "unknown token")


def test_wc_counts_what_it_can(cli: Cli, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("a" * 50 + "\n", encoding="utf-8")
    ran = cli("wc", PARALLEL / "en.txt", bad, "-t", backtracking(tmp_path))
    assert ran.code == 1 and "fails on 'aaaa" in ran.err
    plain = cli("wc", PARALLEL / "en.txt", bad)
    assert [line.split()[:3] for line in ran.text.splitlines()] == [
        line.split()[:3] for line in plain.text.splitlines()
    ]


def test_check_reports_the_texts_that_fail(cli: Cli, tmp_path: Path) -> None:
    pattern = {"Regex": r"(\S+)+$x|(\S*)*Q"}
    split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    ran = cli("inspect", write(tmp_path, pre_tokenizer=split), "--check")
    assert ran.code == 3 and "fails on '<|endoftext|>" in ran.err and "family: wordlevel" in ran.text


def test_errors_of_our_own_are_not_taken_for_the_library_s() -> None:
    def wrong(_items: Any) -> None:
        raise TypeError("a number")

    with pytest.raises(TypeError):
        run_library(wrong, ["a"], "x")
    with pytest.raises(KeyError), library_opens("x"):
        raise KeyError("y")


def test_standard_error_of_a_file_that_opens_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with library_opens("x"):
        os.write(2, b"a warning of a library\n")
    assert capfd.readouterr().err == "a warning of a library\n"
