"""Text of two topics and its tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

import tokit
from tests.support.two_topics import two_topics


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "topics.txt"
    file.write_text(two_topics(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tokenizer(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer") / "tok"
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), out, family="word")
    return out
