"""From the words and vectors of a file to those of an embedding: selection, counts, and rows by token id."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import MAX_DIM, Fitted
from tokit.embedding.embedding_folder import COUNTED_ONCE
from tokit.embedding.formats.bad_rows import BadRows, check_errors
from tokit.embedding.formats.base import ReadableFormat, VectorFile, WordVectors
from tokit.embedding.formats.skipped_words import SkippedWords, skip_notes
from tokit.errors import ArtifactError, UsageError
from tokit.progress import Progress, Tick
from tokit.storage.safetensors import SelectedRows
from tokit.tokenizer.families.base import TrainedVocabulary
from tokit.tokenizer.special_tokens import SpecialTokens

WORDS_AT_ONCE = 1 << 16
# Origins of counts.
FROM_FILE, FROM_RANK = "file", "rank"


@dataclass(frozen=True, slots=True)
class SelectedWords:
    """Words that get a row.

    Attributes:
        words: All different.
        rows: The row of each word in the file; int64.
        duplicates: Skipped, as an earlier row has the same word.
        unusable: Skipped: empty, or the text of a special token.
    """

    words: list[str]
    rows: IntArray
    duplicates: SkippedWords
    unusable: SkippedWords


def check_options(name: str, kind: type[ReadableFormat], file: VectorFile) -> None:
    """Check the options of an import before the file is read.

    Args:
        name: Name of the format.
        kind: The format.
        file: The file, its word list, dimension, limit and errors.

    Raises:
        ArtifactError: the file holds what is never loaded.
        UsageError: a word list that is missing or not wanted, a dimension or a limit out of range, or no such errors.
    """
    check_errors(file.errors)
    if file.limit is not None and file.limit < 1:
        raise UsageError(f"--limit {file.limit}: not a positive number", hint="--limit 200000")
    kind.check(file)
    if kind.needs_words and file.words is None:
        raise UsageError(f"{file.name}: a matrix without words", hint=_words_hint(file))
    if not kind.needs_words and file.words is not None:
        raise UsageError(f"--words: a file of format {name} has its own", hint="leave it out")
    if file.dim is not None and not 1 <= file.dim <= MAX_DIM:
        raise UsageError(f"--dim {file.dim}: not between 1 and {MAX_DIM:,}", hint="--dim 300")


def _words_hint(file: VectorFile) -> str:
    """A way to the words of a matrix. gensim saves large ones beside a pickle: `x.kv.vectors.npy` beside `x.kv`."""
    whole = file.source.path.with_suffix("").with_suffix("") if file.source.path else None
    if whole is not None and len(Path(file.name).suffixes) > 1 and whole.is_file():
        return f"it is a part of {whole.name}: load that in gensim, and save_word2vec_format('words.vec')"
    return "--words words.txt, one word a line"


def read_vectors(kind: type[ReadableFormat], file: VectorFile) -> WordVectors:
    """Read a file, and check that it has words of the dimension that the user named.

    Raises:
        ArtifactError: no words, or a broken file.
        CorpusError: broken text.
        UsageError: another dimension.
    """
    content = kind.read(file)
    if not content.words:
        faults = "; ".join(content.bad.messages())
        raise ArtifactError(f"{file.name}: no words in it", hint=faults or "fetch it again")
    if file.dim is not None and content.vectors.shape[1] != file.dim:
        raise UsageError(
            f"--dim {file.dim}: the vectors of {file.name} have {content.vectors.shape[1]} dimensions",
            hint="leave it out",
        )
    return content


def select_words(words: Sequence[str], special: SpecialTokens) -> SelectedWords:
    """Skip empty words, texts of special tokens, and all but the first of equal words."""
    first: dict[str, int] = {}
    duplicates: list[str] = []
    unusable: list[str] = []
    forbidden = {"", *special.texts}
    for i, word in enumerate(words):
        if word in forbidden:
            unusable.append(word)
        elif first.setdefault(word, i) != i:
            duplicates.append(word)
    rows = np.fromiter(first.values(), np.int64, len(first))
    return SelectedWords(list(first), rows, SkippedWords.of(duplicates), SkippedWords.of(unusable))


def unreachable_words(
    trained: TrainedVocabulary, words: Sequence[str], tick: Tick
) -> tuple[SkippedWords, SkippedWords]:
    """Words that are not one token in a text: those with white space inside, and others.

    Args:
        trained: The tokenizer made of the words.
        words: Its words, in the order of their ids.
        tick: Progress.
    """
    offset = len(trained.special.texts)
    spaced: list[str] = []
    changed: list[str] = []
    for start in range(0, len(words), WORDS_AT_ONCE):
        part = words[start : start + WORDS_AT_ONCE]
        encodings = trained.library.encode_batch_fast(part)
        for i, (word, encoding) in enumerate(zip(part, encodings, strict=True), start + offset):
            if encoding.ids != [i]:
                (spaced if len(word.split()) != 1 or word.strip() != word else changed).append(word)
        tick(Progress("checking", start + len(part), len(words), "words"))
    return SkippedWords.of(spaced), SkippedWords.of(changed)


def token_counts(counts: IntArray | None, rows: IntArray, *, ranked: bool) -> tuple[IntArray, str]:
    """Counts of words, and their origin; at least 1, as a word with a vector did occur.

    Args:
        counts: Counts of the file's words, if it has them.
        rows: The row of each selected word in the file.
        ranked: The file lists frequent words first: the word of rank r then counts as n / r (Zipf's law).
    """
    if counts is not None:
        return np.maximum(counts[rows], 1), FROM_FILE
    if not ranked:
        return np.ones(len(rows), dtype=np.int64), COUNTED_ONCE
    return len(rows) // np.arange(1, len(rows) + 1, dtype=np.int64), FROM_RANK


def as_fitted(content: WordVectors, selected: SelectedWords, *, offset: int) -> Fitted:
    """Put zeros before the vectors, for special tokens. Rows of n-grams and outputs are read when they are written."""
    dim = content.vectors.shape[1]
    vectors: FloatArray = np.zeros((offset + len(selected.words), dim), dtype=np.float32)
    np.take(content.vectors, selected.rows, axis=0, out=vectors[offset:])
    index = np.concatenate([np.full(offset, -1, dtype=np.int64), selected.rows])
    no_output = np.zeros((0, dim), dtype=np.float32)
    output = no_output if content.output is None else SelectedRows(content.output, index)
    ngrams = content.ngrams
    if ngrams is not None:
        ngrams = dataclasses.replace(ngrams, own=SelectedRows(ngrams.own, index))
    return Fitted(vectors=vectors, output=output, ngrams=ngrams)


def import_notes(
    bad: BadRows,
    selected: SelectedWords,
    spaced: SkippedWords,
    unreachable: SkippedWords,
    normalizers: tuple[str, ...],
) -> tuple[str, ...]:
    """Messages about bad rows, and skipped and unreachable words."""
    reasons = (
        (selected.duplicates, "skipped: an earlier row has the same word"),
        (selected.unusable, "skipped: the word is empty, or names a special token"),
        (spaced, "kept, but no text reaches them: there is white space in the word"),
        (unreachable, "kept, but no text reaches them: the tokenizer splits or changes the word (see --pre-tokenizer)"),
    )
    notes = [*bad.messages(), *skip_notes(reasons, "rows")]
    if not normalizers and not any(word != word.lower() for word in selected.words):
        notes.append("no word has a capital letter: with --normalizer lowercase, 'The' in a text is 'the'")
    return tuple(notes)
