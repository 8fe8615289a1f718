"""`tokit import`: from a file of another tool to a folder of vectors, one a token.

The words of the file become a `word` tokenizer: the special tokens first, then the words in the order of the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import MAX_DIM, Fitted
from tokit.embedding.embedding_folder import COUNTED_ONCE, TOKENIZER, write_vectors
from tokit.embedding.formats import FORMATS, Format
from tokit.embedding.formats import base as formats
from tokit.embedding.formats.recognise import recognise
from tokit.embedding.formats.skipped_words import Found, notes_of
from tokit.embedding.ngrams import NgramTable
from tokit.errors import ArtifactError, UsageError
from tokit.progress import Progress, Tick, silent
from tokit.registry import near_names
from tokit.storage.folder import check_target, dump_json, sha256_file, writing
from tokit.storage.safetensors import Rows, SelectedRows
from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.families.base import TrainedVocabulary
from tokit.tokenizer.families.word import Word, WordParams, from_words
from tokit.tokenizer.special_tokens import UNKNOWN, SpecialTokens
from tokit.tokenizer.tokenizer_folder import tokenizer_config

FAMILY = "import"
WORDS_AT_ONCE = 1 << 16
# Where the counts come from.
FROM_FILE, FROM_RANK = "file", "rank"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What importing gave.

    Attributes:
        path: The folder.
        format: Of the file.
        vocab_size: Rows of the table: special tokens and words.
        dim: Columns.
        words: Words that have a row.
        counts: "file": the file's own. "rank": it has none, and its words stand by falling frequency, so Zipf's
            law stands in for them. "ones": nothing is known.
        duplicates: Rows left out, as a row before has the same word.
        unusable: Rows left out, as the word is empty or a special token's text.
        spaced: Words with white space inside: they have a row, but text does not reach it.
        cut: Other words that text does not reach, as the rules cut or change them.
        ngrams: Rows of n-grams that were kept, for words that are no token.
        notes: What the user should know.
    """

    path: str
    format: str
    vocab_size: int
    dim: int
    words: int
    counts: str
    duplicates: Found
    unusable: Found
    spaced: Found
    cut: Found
    ngrams: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """The words that get a row.

    Attributes:
        words: All different.
        rows: The row of each in the file; int64.
        duplicates: What was left out.
        unusable: What was left out.
    """

    words: list[str]
    rows: IntArray
    duplicates: Found
    unusable: Found


def import_vectors(
    file: str | Path,
    out: str | Path,
    *,
    format: str | None = None,
    words: str | Path | None = None,
    dim: int | None = None,
    pipeline: PipelineOptions | None = None,
    ngrams: bool = True,
    overwrite: bool = False,
    tick: Tick = silent,
) -> ImportReport:
    """Read vectors of another tool and write an embedding folder.

    Args:
        file: What to read.
        out: The folder to write.
        format: A name out of `tokit.embedding.formats.FORMATS`; None looks at how the file begins.
        words: The word list of a file that holds a matrix only, one word a line.
        dim: Columns, where the file does not say.
        pipeline: How the tokenizer of the folder cuts text; what is None is the `word` family's.
        ngrams: Keep the n-grams of a fastText model.
        overwrite: Replace what is there.
        tick: Progress.

    Raises:
        UsageError: an unknown format, a word list that is missing or not wanted, another `dim` than the file's.
        CorpusError: broken text, with its line; or a word that is not UTF-8.
        ArtifactError: a broken binary file, with its byte; or the folder cannot be written.
    """
    path = existing_file(file)
    name = format or recognise(path)
    kind = FORMATS.get(name)
    _check_options(kind, words, dim, path)
    check_target(out, overwrite=overwrite)
    read = kind.read(formats.Source(path, Path(words) if words is not None else None, dim, tick, ngrams))
    if not read.words:
        raise ArtifactError(f"{path}: no words in it", hint="fetch it again")
    if dim is not None and read.vectors.shape[1] != dim:
        raise UsageError(
            f"--dim {dim}: the vectors of {path} have {read.vectors.shape[1]} dimensions", hint="leave it out"
        )
    special = SpecialTokens.parse().with_unknown()
    kept = keep_first(read.words, special)
    if not kept.words:
        raise ArtifactError(f"{path}: no word that a row could be for", hint="is it another --format?")
    text_pipeline = (pipeline or PipelineOptions()).over(Word.default_pipeline(WordParams()))
    # Special tokens are not registered with it: in the folder of an embedding no text may become one.
    trained = from_words(kept.words, text_pipeline, special)
    spaced, cut = _unreached(trained, kept.words, tick)
    counts, origin = token_counts(read.counts, kept.rows, ranked=kind.ranked)
    table = np.zeros((len(special.texts) + len(kept.words), read.vectors.shape[1]), dtype=np.float32)
    np.take(read.vectors, kept.rows, axis=0, out=table[len(special.texts) :])
    notes = _notes(kept, spaced, cut, text_pipeline.normalizers)
    fitted = _as_fitted(read, kept, table)
    report = ImportReport(
        str(out), name, len(table), table.shape[1], len(kept.words), origin, kept.duplicates, kept.unusable, spaced,
        cut, len(fitted.ngrams.ngram_buckets) if fitted.ngrams else 0, notes,
    )  # fmt: skip
    del read
    all_counts = np.concatenate([np.zeros(len(special.texts), dtype=np.int64), counts])
    files = {"source": _file_facts(path), **({} if words is None else {"word_list": _file_facts(Path(words))})}
    params = {"format": name, "rules": text_pipeline.as_dict(), **files}
    if fitted.ngrams:
        params |= {each: getattr(fitted.ngrams, each) for each in ("minn", "maxn", "bucket")}
    _save(report, fitted, all_counts, trained, params=params, overwrite=overwrite)
    return report


def _as_fitted(read: formats.WordVectors, kept: Kept, table: FloatArray) -> Fitted:
    """The table, and beside it what the file has for other words and for training; both are read when written."""
    nothing = np.full(len(table) - len(kept.words), -1, dtype=np.int64)
    index = np.concatenate([nothing, kept.rows])
    output: Rows = np.zeros((0, table.shape[1]), dtype=np.float32)
    if read.output is not None:
        output = SelectedRows(read.output, index)
    ngrams: NgramTable | None = None
    if read.ngrams is not None:
        ngrams = dataclasses.replace(read.ngrams, own=SelectedRows(read.ngrams.own, index))
    return Fitted(table, output, (), 0.0, ngrams=ngrams)


def keep_first(words: Sequence[str], special: SpecialTokens) -> Kept:
    """Leave out empty words, those that spell a special token, and all but the first of equal ones."""
    first: dict[str, int] = {}
    duplicates: list[str] = []
    unusable: list[str] = []
    forbidden = {"", *special.texts}
    for i, word in enumerate(words):
        if word in forbidden:
            unusable.append(word)
        elif first.setdefault(word, i) != i:
            duplicates.append(word)
    return Kept(
        list(first), np.fromiter(first.values(), np.int64, len(first)), Found.of(duplicates), Found.of(unusable)
    )


def token_counts(counts: IntArray | None, rows: IntArray, *, ranked: bool) -> tuple[IntArray, str]:
    """How often each word occurs, and where that comes from; at least once, as a word with a vector was seen.

    Args:
        counts: What the file says, if it does.
        rows: The row of each kept word in the file.
        ranked: The file has frequent words first: the word of rank r then counts as n / r.
    """
    if counts is not None:
        return np.maximum(counts[rows], 1), FROM_FILE
    if not ranked:
        return np.ones(len(rows), dtype=np.int64), COUNTED_ONCE
    return len(rows) // np.arange(1, len(rows) + 1, dtype=np.int64), FROM_RANK


def existing_file(file: str | Path) -> Path:
    """The file, if it is one.

    Raises:
        ArtifactError: it is not there, a folder, or a pipe.
    """
    path = Path(file)
    if path.is_dir():
        raise ArtifactError(
            f"{file} is a folder", hint="give a file of word vectors; a folder of tokit needs no import"
        )
    if not path.exists():
        raise ArtifactError(f"{file}: no such file", hint=near_names(path))
    if not path.is_file():
        raise ArtifactError(f"{file} is a pipe or a device", hint="its size has to be known: save it to a file first")
    return path


def _check_options(kind: type[Format], words: str | Path | None, dim: int | None, path: Path) -> None:
    if kind.needs_words and words is None:
        raise UsageError(f"{path}: a matrix without words", hint="--words words.txt, one word a line")
    if not kind.needs_words and words is not None:
        raise UsageError(f"--words: a file of format {kind.name} has its own", hint="leave it out")
    if dim is not None and not 1 <= dim <= MAX_DIM:
        raise UsageError(f"--dim {dim}: not between 1 and {MAX_DIM:,}", hint="--dim 300")


def _unreached(trained: TrainedVocabulary, words: Sequence[str], tick: Tick) -> tuple[Found, Found]:
    """Words that are not one token when they stand in a text: those with white space inside, and the others."""
    offset = len(trained.special.texts)
    spaced: list[str] = []
    cut: list[str] = []
    for start in range(0, len(words), WORDS_AT_ONCE):
        some = words[start : start + WORDS_AT_ONCE]
        encodings = trained.library.encode_batch_fast(some)
        for i, (word, encoding) in enumerate(zip(some, encodings, strict=True), start + offset):
            if encoding.ids != [i]:
                (spaced if len(word.split()) != 1 or word.strip() != word else cut).append(word)
        tick(Progress("checking", start + len(some), len(words), "words"))
    return Found.of(spaced), Found.of(cut)


def _notes(kept: Kept, spaced: Found, cut: Found, normalizers: tuple[str, ...]) -> tuple[str, ...]:
    told = (
        (kept.duplicates, "left out: an earlier row has the same word"),
        (kept.unusable, "left out: the word is empty, or names a special token"),
        (spaced, "kept, but no text reaches them: there is white space in the word"),
        (cut, "kept, but no text reaches them: the tokenizer cuts or changes the word (see --pre-tokenizer)"),
    )
    notes = notes_of(told, "rows")
    if not normalizers and not any(word != word.lower() for word in kept.words):
        notes.append("no word has a capital letter: with --normalizer lowercase, 'The' in a text is 'the'")
    return tuple(notes)


def _file_facts(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}


def _save(
    report: ImportReport,
    fitted: Fitted,
    counts: IntArray,
    trained: TrainedVocabulary,
    *,
    params: dict[str, Any],
    overwrite: bool,
) -> None:
    definition = library_json(trained.library).encode("utf-8")
    digest = hashlib.sha256(definition).hexdigest()
    with writing(report.path, "embedding", overwrite=overwrite) as draft:
        # No document was seen.
        write_vectors(draft.path, fitted, counts, np.zeros_like(counts))
        (draft.path / TOKENIZER).write_bytes(definition)
        draft.digests[TOKENIZER] = digest
        dump_json(tokenizer_config({}), draft.path / "tokenizer_config.json")
        draft.manifest = {
            "family": FAMILY,
            "vocab_size": report.vocab_size,
            "dim": report.dim,
            "params": params,
            "tokenizer_family": Word.name,
            "tokenizer_sha256": digest,
            "special_ids": list(trained.special.ids().values()),
            "unknown_id": trained.special.ids()[UNKNOWN],
            "tokens_seen": report.words,
            "token_counts": report.counts,
            "ngram_rows": report.ngrams,
            "document_frequencies": "unknown",
            **{name: dataclasses.asdict(getattr(report, name)) for name in ("duplicates", "unusable", "spaced", "cut")},
            "reproducible": True,
        }
