"""fastText's .bin, which gensim and the fastText library load, unknown words included.

Words without n-grams, of other families, are a model whose longest n-gram has no characters. `</s>` has no n-grams in
fastText, so its own row is its vector; gensim gives it n-grams, and another vector.
https://github.com/facebookresearch/fastText (src/args.cc, dictionary.cc, densematrix.cc: save and load)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tokit.arrays import FloatArray
from tokit.embedding.formats.fasttext_bin import (
    ARGUMENTS,
    DICTIONARY,
    END_OF_LINE,
    ENTRY,
    MAGIC,
    NEGATIVE_SAMPLING,
    SHAPE,
    VERSION,
    WORD,
)
from tokit.embedding.formats.writer import Export, Exported, differs
from tokit.embedding.ngrams import NgramTable
from tokit.errors import CheckError, UsageError
from tokit.progress import Progress

BAG_OF_WORDS, SKIP_GRAM = 1, 2
# fastText's own: n-grams of words, and tokens between two looks at the learning rate.
WORD_NGRAMS, UPDATE_RATE = 1, 100
BUCKETS_AT_ONCE = 1 << 14
LARGEST = (1 << 31) - 1
NOT_PRUNED = -1
UNKNOWN_WORDS = 1000


class FastTextBin(Export):
    """Version 12, not quantised."""

    name = "fasttext"
    read_as = ("fasttext-bin",)
    forbidden = "\0"
    by_text = True

    @classmethod
    def write(cls, exported: Exported, file: BinaryIO) -> None:
        buckets = exported.ngrams.bucket if exported.ngrams else 0
        if buckets > LARGEST:
            raise UsageError(
                f"the embedding has {buckets:,} buckets, fastText numbers no more than {LARGEST:,}",
                hint="fit it with --bucket 2000000",
            )
        file.write(_arguments(exported, buckets))
        _write_dictionary(exported, file)
        size = len(exported.words)
        file.write(SHAPE.pack(False, size + buckets, exported.dim))
        _write_own(exported, file)
        if exported.ngrams:
            _write_ngrams(exported, exported.ngrams, file)
        file.write(SHAPE.pack(False, size, exported.dim))
        for part in exported.parts():
            rows = np.zeros((part.stop - part.start, exported.dim), dtype="<f4")
            if exported.output is not None:
                rows[:] = exported.output[exported.ids[part]]
            file.write(rows.data)

    @classmethod
    def verify(cls, exported: Exported, path: Path) -> tuple[str, ...]:
        unknown, vectors = _unknown_words(exported)
        # One after the other: each holds the whole table.
        lookups = {"gensim": _in_gensim, **({"fasttext": _in_fasttext} if find_spec("fasttext") else {})}
        for name, opened in lookups.items():
            _hold_against(exported, unknown, vectors, opened(path), name)
        return tuple(lookups)


def _arguments(exported: Exported, buckets: int) -> bytes:
    params, table = exported.params, exported.ngrams
    return ARGUMENTS.pack(
        MAGIC, VERSION, exported.dim, _number(params, "window"), _number(params, "epochs"), 1,
        _number(params, "negative"), WORD_NGRAMS, NEGATIVE_SAMPLING, BAG_OF_WORDS if exported.bag else SKIP_GRAM,
        buckets, table.minn if table else 0, table.maxn if table else 0, UPDATE_RATE,
        float(params.get("sample", 1e-4)),
    )  # fmt: skip


def _number(params: dict[str, Any], name: str) -> int:
    value = params.get(name)
    return value if isinstance(value, int) and 0 < value <= LARGEST else 5


def _write_dictionary(exported: Exported, file: BinaryIO) -> None:
    size = len(exported.words)
    file.write(DICTIONARY.pack(size, size, 0, int(exported.counts.sum()), NOT_PRUNED))
    for part in exported.parts():
        entries = zip(exported.words[part], exported.counts[part].tolist(), strict=True)
        file.write(b"".join([word.encode() + b"\0" + ENTRY.pack(count, WORD) for word, count in entries]))


def _write_own(exported: Exported, file: BinaryIO) -> None:
    own = exported.ngrams.own if exported.ngrams else exported.vectors
    for part in exported.parts():
        rows = np.array(own[exported.ids[part]], dtype="<f4")
        if END_OF_LINE in exported.words[part]:
            place = exported.words[part].index(END_OF_LINE)
            rows[place] = exported.vectors[exported.ids[part][place]]
        file.write(rows.data)
        exported.tick(Progress("writing", part.stop, len(exported.words), "words"))


def _write_ngrams(exported: Exported, table: NgramTable, file: BinaryIO) -> None:
    """Every bucket's row; those that the table lacks are zeros, and where there are many of them, a hole."""
    numbers = table.ngram_buckets
    for first in range(0, table.bucket, BUCKETS_AT_ONCE):
        last = min(first + BUCKETS_AT_ONCE, table.bucket)
        start, end = np.searchsorted(numbers, [first, last]).tolist()
        if start == end:
            file.seek(4 * exported.dim * (last - first), 1)
            continue
        rows = np.zeros((last - first, exported.dim), dtype="<f4")
        rows[numbers[start:end].astype(np.int64) - first] = table.ngrams[start:end]
        file.write(rows.data)
        exported.tick(Progress("writing", last, table.bucket, "n-gram buckets"))


Lookup = Callable[[str], FloatArray]


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
    look_up: Lookup = model.get_word_vector
    return look_up


def _unknown_words(exported: Exported) -> tuple[list[str], FloatArray]:
    """Words that the file does not have, made of those that it has, and their vectors."""
    if exported.ngrams is None:
        return [], np.empty((0, exported.dim), dtype=np.float32)
    some = exported.words[: UNKNOWN_WORDS // 2]
    # The end of line has n-grams nowhere but here.
    known = {*exported.words, END_OF_LINE}
    joined = [one + two for one, two in zip(some, reversed(some), strict=True)]
    made = [word for word in dict.fromkeys([*joined, *(word[::-1] for word in some)]) if word not in known]
    rows = [vector for vector, _ in exported.ngrams.compose(made)]
    return made, np.array(rows, dtype=np.float32).reshape(-1, exported.dim)


def _hold_against(
    exported: Exported, unknown: Sequence[str], vectors: FloatArray, look_up: Lookup, library: str
) -> None:
    """Compare every word, and some that are unknown.

    Raises:
        CheckError: one has another vector.
    """
    scale = float(max(np.abs(exported.vectors).max(initial=0), 1))
    pairs = [(exported.words[part], exported.vectors[exported.ids[part]]) for part in exported.parts()]
    for words, mine in [*pairs, (list(unknown), vectors)]:
        if not words:
            continue
        theirs = np.stack([look_up(word) for word in words])
        if library == "gensim" and END_OF_LINE in words:
            theirs[words.index(END_OF_LINE)] = mine[words.index(END_OF_LINE)]
        wrong = differs(mine, theirs, scale)
        if wrong is not None:
            raise CheckError(f"{library} gives '{words[wrong]}' another vector", hint="please report this")
