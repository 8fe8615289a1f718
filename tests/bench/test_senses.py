"""`python -m tests.bench senses`: arithmetic on vectors that are known, and all of it on a model at random."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.bench.senses import LISTS, Words, separation
from tests.support.contextual_models import save_model
from tests.support.program import LIMIT
from tokit.lm.word_in_context import InContext

pytestmark = pytest.mark.slow


def test_senses_at_right_angles_are_apart() -> None:
    found = separation("x", [np.array([[1.0, 0], [2, 0], [3, 0]]), np.array([[0, 1.0], [0, 5]])])
    assert (found.within, found.across) == (pytest.approx(1), pytest.approx(0))
    assert (found.right, found.sentences, found.separate) == (5, 5, True)


def test_a_sentence_among_those_of_the_other_sense_is_wrong() -> None:
    one = np.array([[1.0, 0], [1, 0.1], [0, 1]])
    other = np.array([[0, 1.0], [0.1, 1], [0, 2]])
    found = separation("x", [one, other])
    assert (found.right, found.sentences, found.separate) == (5, 6, False)
    assert not separation("x", [one, one]).separate


@pytest.mark.parametrize("words", LISTS.values(), ids=LISTS)
def test_every_sentence_has_its_word_once(words: Words) -> None:
    assert len(words) == 10
    for word, senses in words.items():
        assert [len(texts) for texts in senses.values()] == [3, 3]
        for text in (text for texts in senses.values() for text in texts):
            found = InContext.of(word, text)
            assert found.word == word and len(re.findall(rf"\b{word}\b", text)) == 1


def test_the_tables_of_a_model(bpe_folder: Path, tmp_path: Path) -> None:
    model = save_model("bert", bpe_folder, tmp_path / "bert")
    corpus = tmp_path / "text.txt"
    corpus.write_text("The bank of the river\nA light in spring\nto bear and to plant\n", encoding="utf-8")
    command = ["senses", "-e", str(model), "--corpus", str(corpus), "-k", "2", "--save", str(tmp_path / "saved.json")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *command], capture_output=True, text=True, timeout=LIMIT, check=False,
        cwd=Path(__file__).parents[2], env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    # A head over ten words, and one over twice as many senses.
    assert len(rows) == 1 + 10 + 1 + 20
    assert "| bank of a river |" in done.stdout and "| The **bank** of the river |" in done.stdout
    saved = json.loads((tmp_path / "saved.json").read_text("utf-8"))
    assert len(saved["separation"]) == 10 and all(each["sentences"] == 6 for each in saved["separation"])
    assert all(each["word"] not in each["words"] and len(each["words"]) == 2 for each in saved["near"])
