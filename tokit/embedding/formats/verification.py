"""Comparison of an exported file with what other libraries load from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tokit.arrays import FloatArray
from tokit.embedding.formats.base import ExportedVectors
from tokit.errors import CheckError
from tokit.runtime.gensim import require_gensim
from tokit.storage.safetensors import Rows

Lookup: TypeAlias = Callable[[str], FloatArray]
# Allowed difference, relative to the largest term: libraries add up in another order.
ROUNDING = 1e-6
# The end of line has n-grams in no library but gensim.
END_OF_LINE = "</s>"
UNKNOWN_WORDS = 1000


def verify_in_gensim(exported: ExportedVectors, path: Path, **options: Any) -> tuple[str, ...]:
    """Load word vectors in gensim and compare.

    Raises:
        CheckError: words or vectors differ.
        MissingPackageError: gensim is not installed.
    """
    require_gensim("--verify of this format")
    from gensim.models import KeyedVectors

    with warnings.catch_warnings():
        # gensim reads a file without a header twice, and leaves it open once.
        warnings.simplefilter("ignore", ResourceWarning)
        loaded = KeyedVectors.load_word2vec_format(str(path), **options)
    require_same(exported, loaded.index_to_key, loaded.vectors, "gensim")
    return ("gensim",)


def require_same(exported: ExportedVectors, words: list[str], vectors: Rows, library: str) -> None:
    """Compare words and vectors with those that a library loaded.

    Raises:
        CheckError: they are not the same, bit for bit.
    """
    if words != exported.words:
        raise CheckError(
            f"{library} reads {len(words):,} words that are not the {len(exported.words):,} written",
            hint="please report this",
        )
    for part in exported.parts():
        wrong = first_difference(exported.vectors[exported.ids[part]], np.asarray(vectors[part]), 0)
        if wrong is not None:
            raise CheckError(f"{library} gives '{words[part.start + wrong]}' another vector", hint="please report this")


def verify_bin(exported: ExportedVectors, path: Path) -> tuple[str, ...]:
    """Load a .bin in gensim, and in fastText where it is installed, and compare every word and some unknown ones.

    Raises:
        CheckError: a vector differs.
        MissingPackageError: gensim is not installed.
    """
    require_gensim("--verify of this format")
    unknown, vectors = unknown_words(exported)
    # One after the other: each holds the whole matrix.
    lookups = {"gensim": _in_gensim, **({"fasttext": _in_fasttext} if find_spec("fasttext") else {})}
    for library, open_model in lookups.items():
        _require_same_lookups(exported, unknown, vectors, open_model(path), library)
    return tuple(lookups)


def _in_gensim(path: Path) -> Lookup:
    from gensim.models.fasttext import load_facebook_model

    vectors = load_facebook_model(str(path)).wv

    def look_up(word: str) -> FloatArray:
        found: FloatArray = vectors[word]
        return found

    return look_up


def _in_fasttext(path: Path) -> Lookup:
    import fasttext

    model = fasttext.load_model(str(path))
    if not _gives_unit_vectors(model):
        look_up: Lookup = model.get_word_vector
        return look_up
    rows = model.get_input_matrix()
    return lambda word: rows[model.get_subwords(word)[1]].mean(axis=0)


def _gives_unit_vectors(model: Any) -> bool:
    """True in a fork of fastText whose `get_word_vector` normalizes, so that the matrix has to be looked at."""
    lengths = [np.linalg.norm(model.get_word_vector(word)) for word in model.get_words()[:UNKNOWN_WORDS]]
    return all(abs(length - 1) < 1e-5 for length in lengths if length)


def unknown_words(exported: ExportedVectors) -> tuple[list[str], FloatArray]:
    """Words that the file does not have, put together from words that it has, and their vectors."""
    if exported.ngrams is None:
        return [], np.empty((0, exported.dim), dtype=np.float32)
    frequent = exported.words[: UNKNOWN_WORDS // 2]
    known = {*exported.words, END_OF_LINE}
    joined = [one + two for one, two in zip(frequent, reversed(frequent), strict=True)]
    unknown = [word for word in dict.fromkeys([*joined, *(word[::-1] for word in frequent)]) if word not in known]
    rows = [vector for vector, _ in exported.ngrams.compose(unknown)]
    return unknown, np.array(rows, dtype=np.float32).reshape(-1, exported.dim)


def _require_same_lookups(
    exported: ExportedVectors, unknown: Sequence[str], vectors: FloatArray, look_up: Lookup, library: str
) -> None:
    """Compare every word, and the unknown ones.

    Raises:
        CheckError: a vector differs.
    """
    scale = float(max(np.abs(exported.vectors).max(initial=0), 1))
    pairs = [(exported.words[part], exported.vectors[exported.ids[part]]) for part in exported.parts()]
    for words, written in [*pairs, (list(unknown), vectors)]:
        if not words:
            continue
        loaded = np.stack([look_up(word) for word in words])
        if library == "gensim" and END_OF_LINE in words:
            loaded[words.index(END_OF_LINE)] = written[words.index(END_OF_LINE)]
        wrong = first_difference(written, loaded, scale)
        if wrong is not None:
            raise CheckError(f"{library} gives '{words[wrong]}' another vector", hint="please report this")


def first_difference(written: FloatArray, loaded: FloatArray, scale: float = 1.0) -> int | None:
    """Return the first row that differs by more than rounding; None when all are the same.

    Args:
        written: Shape (n, dim).
        loaded: The same.
        scale: Absolute value of the largest term that rows were added up from.
    """
    if written.shape != loaded.shape:
        return 0
    far = ~(np.abs(written - loaded) <= ROUNDING * max(scale, 1e-30)).all(axis=1)
    return int(np.argmax(far)) if far.any() else None
