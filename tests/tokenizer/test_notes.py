"""Notes on foreign tokenizers reach the user of the library and of the program, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Ran
from tokit.tokenizer import notes
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.bert_vocab import BertVocab
from tokit.tokenizer.load import load_tokenizer


@pytest.fixture
def bert_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\nthe\n", encoding="utf-8")
    load = BertVocab.load

    def load_with_a_note(path: Path) -> Tokenizer:
        tokenizer = load(path)
        tokenizer.notes = ("taken for something",)
        return tokenizer

    monkeypatch.setattr(BertVocab, "load", load_with_a_note)
    return tmp_path


def test_listener_hears_each_note_once(bert_with_a_note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_listeners", [])
    heard: list[str] = []
    notes.listen(heard.append)
    assert load_tokenizer(bert_with_a_note).notes == ("taken for something",)
    load_tokenizer(bert_with_a_note)
    assert heard == [f"{bert_with_a_note}: taken for something"]


@pytest.mark.parametrize("command", ["encode", "compare", "inspect"])
def test_commands_print_notes_on_standard_error(
    cli: Callable[..., Ran], bert_with_a_note: Path, corpus_file: Path, command: str
) -> None:
    arguments = {
        "encode": ("-t", bert_with_a_note, corpus_file),
        "compare": (bert_with_a_note, "-c", corpus_file),
        "inspect": (bert_with_a_note,),
    }
    ran = cli(command, *arguments[command])
    assert ran.code == 0
    assert ran.err.count("note: ") == 1
    assert f"note: {bert_with_a_note}: taken for something" in ran.err
    assert b"taken for something" not in ran.out
