"""Named corpora: the index, and what `@name` stands for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tokit.corpus import bundled, open_corpus
from tokit.corpus.bundled import list_bundled
from tokit.errors import CorpusError, UsageError

LANGUAGES = {"ar", "de", "el", "en", "es", "fi", "fr", "he", "hi", "ja", "ka", "ko", "ru", "th", "tr", "zh"}


def test_every_entry_is_described_and_is_there() -> None:
    entries = list_bundled()
    assert {"parallel", "lee", "wiki", "questions-words", "wordsim353", "simlex999"} <= {each.name for each in entries}
    for entry in entries:
        assert entry.description and entry.licence and entry.source, entry.name
        assert entry.kind in ("corpus", "evaluation")
        assert entry.path is not None and entry.path.exists(), entry.name


def test_lee_is_one_article_a_line() -> None:
    corpus = open_corpus(["@lee"])
    texts = [text for block in corpus.blocks() for text in block.texts()]
    assert [source.name for source in corpus.sources] == ["@lee"]
    assert len(texts) == 300
    assert texts[0].startswith("Hundreds of people have been forced")


def test_what_the_user_says_wins_over_the_index() -> None:
    (block,) = open_corpus(["@lee"], unit="file").blocks()
    assert len(block) == 1


def test_wiki_holds_articles_without_markup() -> None:
    corpus = open_corpus(["@wiki"], block_bytes=100_000, keep_records=True)
    first = next(corpus.blocks())
    assert first.records is not None and first.records[0]["title"] == "Anarchism"
    text = first.texts()[0]
    assert text.startswith("Anarchism is a political philosophy")
    assert "\n\n" in text and "[[" not in text and "'''" not in text


def test_parallel_is_a_folder_and_each_language() -> None:
    corpus = open_corpus(["@parallel"])
    assert {source.name for source in corpus.sources} == {f"@parallel/{language}.txt" for language in LANGUAGES}
    for language in LANGUAGES:
        texts = [text for block in open_corpus([f"@parallel/{language}"]).blocks() for text in block.texts()]
        assert len(texts) == 30, language
    assert open_corpus(["@parallel/de.txt"]).total_bytes == open_corpus(["@parallel/de"]).total_bytes


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("@leee", "unknown corpus '@leee'", "did you mean '@lee'?"),
        ("@paralel/de", "unknown corpus '@paralel'", "did you mean '@parallel'?"),
        ("@parallel/dee", "names no part", "did you mean 'de'?"),
        ("@lee/x", "names no part", ""),
        ("@parallel/../LICENSE", "names no part", ""),
        ("@simlex999", "is an evaluation set", "tokit inspect @"),
        ("@", "unknown corpus '@'", "lee"),
    ],
)
def test_wrong_names(name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_corpus([name])
    assert hint in caught.value.hint


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match="'@lee' comes with gensim") as caught:
        open_corpus(["@lee"])
    assert caught.value.hint == "pip install gensim"
    assert {each.name for each in list_bundled() if each.path is not None} == {"parallel"}


def test_names_are_found_without_importing_the_package() -> None:
    code = "import sys; from tokit.corpus.bundled import list_bundled; list_bundled(); print('gensim' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_wheel_carries_the_index_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tokit"
    (package / "corpus").mkdir(parents=True)
    monkeypatch.setattr(bundled, "__file__", str(package / "corpus" / "named.py"))
    assert bundled.corpora_folder() == tmp_path / "corpora"
    (package / "_corpora").mkdir()
    assert bundled.corpora_folder() == package / "_corpora"
