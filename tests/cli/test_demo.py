"""`tokit demo`: the articles that gensim ships, or without gensim the sentences that tokit ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error
from tokit.cli.demo import ARTICLES, SENTENCES, bundled_text, next_commands, steps
from tokit.corpus import bundled

Cli = Callable[..., Ran]


@pytest.fixture
def no_gensim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)


@needs_gensim
def test_text_is_the_articles_of_gensim() -> None:
    assert bundled_text() is ARTICLES


@pytest.mark.usefixtures("no_gensim")
def test_demo_without_gensim_runs_on_sentences_of_tokit(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    ran = cli("demo", "-o", out)
    assert ran.code == 0, ran.err
    assert ran.text.startswith(
        "gensim, which ships the articles of @wiki and @lee, is not installed: the text is @parallel"
    )
    assert "@wiki" not in ran.text.partition("\n")[2] and "@lee" not in ran.text.partition("\n")[2]
    assert ran.text.count("\n$ tokit ") == len(steps(SENTENCES, out, overwrite=False))
    assert {path.name for path in out.iterdir()} == {"word", "counts", "char", "bpe", "vectors"}
    assert_error(cli("demo", "-o", out), 1, f"{out} exists", "--overwrite")


def test_commands_name_text_that_is_there(tmp_path: Path) -> None:
    articles, sentences = ("\n".join(next_commands(text, tmp_path)) for text in (ARTICLES, SENTENCES))
    assert ("tokit encode @wiki" in articles, "tokit analogy Greece Greek Italy" in articles) == (True, True)
    assert ("tokit encode @parallel" in sentences, "@wiki" in sentences, "analogy" in sentences) == (True, False, False)
