"""Bundled corpora: the index, `@name`, and a package that is not installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error
from tokit.corpus import bundled, open_corpus
from tokit.corpus.bundled import list_bundled
from tokit.errors import MissingPackageError, UsageError

LANGUAGES = {"ar", "de", "el", "en", "es", "fi", "fr", "he", "hi", "ja", "ka", "ko", "ru", "th", "tr", "zh"}


def test_every_entry_is_described_and_is_there() -> None:
    entries = list_bundled()
    assert {"parallel", "lee", "wiki", "questions-words", "wordsim353", "simlex999"} <= {
        entry.name for entry in entries
    }
    for entry in entries:
        assert entry.description and entry.license and entry.source, entry.name
        assert entry.kind in ("corpus", "evaluation")
        if entry.package is None or find_spec(entry.package) is not None:
            assert entry.path is not None and entry.path.exists(), entry.name


@needs_gensim
def test_lee_is_one_article_a_line() -> None:
    corpus = open_corpus(["@lee"])
    texts = [text for block in corpus.blocks() for text in block.texts()]
    assert [source.name for source in corpus.sources] == ["@lee"]
    assert len(texts) == 300
    assert texts[0].startswith("Hundreds of people have been forced")


@needs_gensim
def test_unit_of_the_user_wins_over_the_index() -> None:
    (block,) = open_corpus(["@lee"], unit="file").blocks()
    assert len(block) == 1


@needs_gensim
def test_wiki_holds_articles_without_markup() -> None:
    corpus = open_corpus(["@wiki"], block_bytes=100_000, keep_records=True)
    first = next(corpus.blocks())
    assert first.records is not None and first.records[0]["title"] == "Anarchism"
    text = first.texts()[0]
    assert text.startswith("Anarchism is a political philosophy")
    assert "\n\n" in text and "[[" not in text and "'''" not in text


def test_parallel_has_a_part_for_each_language() -> None:
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
        pytest.param("@lee/x", "names no part", "", marks=needs_gensim),
        ("@parallel/../LICENSE", "names no part", ""),
        ("@simlex999", "is an evaluation set", "tokit inspect @"),
        ("@", "unknown corpus '@'", "lee"),
    ],
)
def test_unknown_name_or_part(name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_corpus([name])
    assert hint in caught.value.hint


@pytest.fixture
def no_gensim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_gensim")
@pytest.mark.parametrize("name", ["@lee", "@wiki"])
def test_missing_package_is_named_with_an_alternative(name: str) -> None:
    with pytest.raises(MissingPackageError, match=f"'{name}' comes with gensim, which is not installed") as caught:
        open_corpus([name])
    assert caught.value.hint == "pip install gensim, or use @parallel or a file of your own"
    assert {entry.name for entry in list_bundled() if entry.path is not None} == {"parallel"}


@pytest.mark.usefixtures("no_gensim")
def test_inspect_lists_what_needs_a_missing_package(cli: Callable[..., Ran]) -> None:
    lines = {line.split()[0]: line for line in cli("inspect", "@").text.splitlines() if line.strip()[:1] == "@"}
    assert set(lines) == {"@parallel", "@lee", "@wiki"}
    assert ["it needs gensim" in line for line in lines.values()] == [False, True, True]


@pytest.mark.usefixtures("no_gensim")
def test_missing_evaluation_set_asks_for_a_file(cli: Callable[..., Ran], tmp_path: Path) -> None:
    ran = cli("eval", "-e", tmp_path, "--task", "simlex999")
    message = "'simlex999' comes with gensim, which is not installed"
    assert_error(ran, 1, message, "pip install gensim, or give a file of your own")


def test_package_without_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundled, "_package_folder", lambda name: tmp_path)
    with pytest.raises(MissingPackageError, match="which does not hold it here"):
        open_corpus(["@lee"])


def test_wikipedia_without_gensim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim", None)
    monkeypatch.setitem(sys.modules, "gensim.corpora.wikicorpus", None)
    (tmp_path / "dump.mediawiki").write_text("<mediawiki/>")
    with pytest.raises(MissingPackageError, match="reading a Wikipedia dump needs gensim, which is not installed"):
        list(open_corpus([str(tmp_path / "dump.mediawiki")]).blocks())


def test_listing_imports_no_package() -> None:
    code = "import sys; from tokit.corpus.bundled import list_bundled; list_bundled(); print('gensim' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_wheel_carries_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tokit"
    (package / "corpus").mkdir(parents=True)
    monkeypatch.setattr(bundled, "__file__", str(package / "corpus" / "bundled.py"))
    assert bundled.corpora_folder() == tmp_path / "corpora"
    (package / "_corpora").mkdir()
    assert bundled.corpora_folder() == package / "_corpora"
