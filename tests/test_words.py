"""Words and names of the tree: docstrings that a reader can use as headings, and one name for one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokit

ROOT = Path(tokit.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}
# A docstring begins with a noun phrase or an imperative.
CLAUSE = re.compile(r"(What|Which|How|Who|Whether|Where|When|Said|That|So many)\b")
# American spelling, as the field's libraries have it. Words of other tools' files keep theirs.
BRITISH = re.compile(
    r"neighbour|colour|favour|behaviour|recognis|normalis|initialis|optimis|serialis|tokenis|factoris|centre[ds]?\b"
    r"|labelled|labelling|distil(?!l|bert)",
    re.IGNORECASE,
)
# Names that say nothing of what they hold.
PLACEHOLDERS = {
    "told",
    "said",
    "kept",
    "given",
    "made",
    "lost",
    "spelled",
    "followed",
    "unread",
    "sees",
    "mine",
    "theirs",
}
# Files of one name outside cli/ and ops/.
SHARED_NAMES = {
    *("__init__.py", "base.py"),
    # A family: its training, its kernel, and the format of the tool it comes from.
    *("skipgram.py", "cbow.py", "fasttext.py", "glove.py", "word2vec.py"),
    # A format of corpora, ids, vectors or tensors.
    *("parquet.py", "safetensors.py"),
    # A kernel and its one caller.
    *("cooccurrence.py", "ngrams.py", "pooling.py"),
}
# Old spellings are known, to be refused or read.
# The Hub has models whose names are spelled another way.
OLD_WORDS = {"cli/old_spellings.py", "storage/format_1.py", "storage/hub_names.py"}
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text("utf-8"))


def docstrings(name: str) -> Iterator[tuple[int, str]]:
    """Line and first line of every docstring of a file."""
    for node in ast.walk(tree(name)):
        if isinstance(node, DEFINITIONS):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text.splitlines()[0]


def names(name: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that a file defines or assigns."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.lineno, node.name


@pytest.mark.parametrize("name", FILES)
def test_docstrings_begin_with_a_noun_or_an_imperative(name: str) -> None:
    assert [f"{line}: {title}" for line, title in docstrings(name) if CLAUSE.match(title)] == []


@pytest.mark.parametrize("name", FILES)
def test_spelling_is_american(name: str) -> None:
    lines = enumerate([] if name in OLD_WORDS else FILES[name].read_text("utf-8").splitlines(), 1)
    assert [f"{number}: {line.strip()}" for number, line in lines if BRITISH.search(line)] == []


@pytest.mark.parametrize("name", FILES)
def test_names_say_what_they_hold(name: str) -> None:
    assert [f"{line}: {word}" for line, word in names(name) if word.strip("_").lower() in PLACEHOLDERS] == []


def test_no_two_classes_of_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name in FILES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {word: files for word, files in places.items() if len(files) > 1} == {}


def test_files_have_names_of_their_own() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name in FILES:
        if name.split("/")[0] not in ("cli", "ops"):
            places[name.split("/")[-1]].append(name)
    doubled = {word: files for word, files in places.items() if len(files) > 1}
    assert set(doubled) - SHARED_NAMES == set()
    assert set(doubled) >= SHARED_NAMES, "a name in the list stands once only"
