"""Tokenizers whose settings name code: no folder that is made from them passes it on, and none of it is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.foreign_files import BYTE_LEVEL, byte_level_bpe, byte_level_vocab, write_tokenizer_json
from tests.support.program import Ran
from tokit.storage.stranger_files import CODE_SETTINGS
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
NAMED = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "auto_map": {"AutoTokenizer": [None, "code.Tokenizer"]},
    "trust_remote_code": True,
    "eos_token": "<|end|>",
}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose tokenizer_config.json names a class in a file beside it."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    vocab = byte_level_vocab("th", "the", "<|end|>")
    parts = {"model": byte_level_bpe(vocab), "pre_tokenizer": BYTE_LEVEL, "decoder": BYTE_LEVEL}
    write_tokenizer_json(folder / "tokenizer.json", **parts)
    (folder / "tokenizer_config.json").write_text(json.dumps(NAMED), encoding="utf-8")
    (folder / "code.py").write_text(f"open({str(tmp_path / 'evidence')!r}, 'w').close()\n", encoding="utf-8")
    return folder


def assert_no_code(made: Path) -> None:
    """No file of the folder is code or names any."""
    assert not (made.parent / "evidence").exists()
    assert list(made.rglob("*.py")) == []
    files = list(made.rglob("tokenizer_config.json"))
    assert files
    for file in files:
        assert set(json.loads(file.read_text("utf-8"))).isdisjoint(CODE_SETTINGS)


def test_copies_of_a_tokenizer_name_no_code(cli: Cli, hostile: Path, english_file: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    commands = {
        "chat-template": (hostile, "chatml"),
        "encode": (english_file, "-t", hostile),
        "fit": ("skipgram", english_file, "-t", hostile, "--dim", "4", "--epochs", "1"),
    }
    for command, arguments in commands.items():
        ran = cli(command, *arguments, "-o", made / command, "-q")
        assert ran.code == 0, ran.err
        assert_no_code(made / command)


def test_files_of_an_opened_tokenizer_name_no_code(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    load_tokenizer(hostile).save_files(tmp_path / "files")
    assert_no_code(tmp_path / "files")
