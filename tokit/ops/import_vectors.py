"""`tokit import`: word vectors of another tool as an embedding folder.

The words of the file become a `word` tokenizer: the special tokens first, then the words in the order of the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokit.arrays import IntArray
from tokit.embedding.base import Fitted
from tokit.embedding.embedding_folder import TOKENIZER, write_vectors
from tokit.embedding.formats import READABLE
from tokit.embedding.formats.base import VectorFile
from tokit.embedding.formats.detect import detect_format, existing_file
from tokit.embedding.formats.skipped_words import SkippedWords
from tokit.embedding.imported_words import (
    as_fitted,
    check_options,
    import_notes,
    read_vectors,
    select_words,
    token_counts,
    unreachable_words,
)
from tokit.errors import ArtifactError
from tokit.progress import Tick, silent
from tokit.storage.embedding_manifest import EmbeddingManifest, FileRecord, ImportFacts
from tokit.storage.folder import check_target, dump_json, sha256_file, writing
from tokit.text.pipeline import PipelineOptions, TextPipeline
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.families.base import TrainedVocabulary
from tokit.tokenizer.families.word import Word, WordParams, from_words
from tokit.tokenizer.special_tokens import UNKNOWN, SpecialTokens
from tokit.tokenizer.tokenizer_folder import tokenizer_config

FAMILY = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """Result of an import.

    Attributes:
        path: The folder.
        format: Format of the file.
        vocab_size: Rows of the embedding matrix: special tokens and words.
        dim: Dimension of the vectors.
        words: Words that have a row.
        counts: Origin of the token counts. "file": the file has them. "rank": it lists frequent words first, and
            Zipf's law gives the counts. "ones": unknown.
        duplicates: Rows skipped, as an earlier row has the same word.
        unusable: Rows skipped, as the word is empty or the text of a special token.
        spaced: Words with white space inside: they have a row, but no text reaches it.
        unreachable: Other words that no text reaches, as the tokenizer splits or changes them.
        ngrams: Rows of n-grams, for words that are no token.
        notes: Messages for the user.
    """

    path: str
    format: str
    vocab_size: int
    dim: int
    words: int
    counts: str
    duplicates: SkippedWords
    unusable: SkippedWords
    spaced: SkippedWords
    unreachable: SkippedWords
    ngrams: int
    notes: tuple[str, ...]


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
        file: The file.
        out: The folder to write.
        format: A name of `tokit.embedding.formats.READABLE`; None detects it from the file's first bytes.
        words: The word list of a file that holds a matrix only, one word a line.
        dim: Dimension, where the file does not name it.
        pipeline: Normalizer and pre-tokenizer of the folder's tokenizer; None is the `word` family's.
        ngrams: Keep the n-grams of a fastText model.
        overwrite: Replace an earlier folder.
        tick: Progress.

    Raises:
        UsageError: an unknown format, a word list that is missing or not wanted, another `dim` than the file's.
        CorpusError: broken text, with its line; or a word that is not UTF-8.
        ArtifactError: a broken binary file, with its byte; or the folder cannot be written.
    """
    path = existing_file(file)
    name = format or detect_format(path)
    kind = READABLE.get(name)
    source = VectorFile(path, Path(words) if words is not None else None, dim, tick, ngrams)
    check_options(name, kind, source)
    check_target(out, overwrite=overwrite)
    content = read_vectors(kind, source)
    special = SpecialTokens.parse().with_unknown()
    selected = select_words(content.words, special)
    if not selected.words:
        raise ArtifactError(f"{path}: no usable word", hint="is it another --format?")
    text_pipeline = (pipeline or PipelineOptions()).over(Word.default_pipeline(WordParams()))
    # Special tokens are not registered with it: in the folder of an embedding no text may become one.
    trained = from_words(selected.words, text_pipeline, special)
    spaced, unreachable = unreachable_words(trained, selected.words, tick)
    counts, origin = token_counts(content.counts, selected.rows, ranked=kind.ranked)
    fitted = as_fitted(content, selected, offset=len(special.texts))
    report = ImportReport(
        path=str(out),
        format=name,
        vocab_size=len(fitted.vectors),
        dim=fitted.vectors.shape[1],
        words=len(selected.words),
        counts=origin,
        duplicates=selected.duplicates,
        unusable=selected.unusable,
        spaced=spaced,
        unreachable=unreachable,
        ngrams=len(fitted.ngrams.ngram_buckets) if fitted.ngrams else 0,
        notes=import_notes(selected, spaced, unreachable, text_pipeline.normalizers),
    )
    del content
    all_counts = np.concatenate([np.zeros(len(special.texts), dtype=np.int64), counts])
    facts = _facts(report, text_pipeline, path, None if words is None else Path(words))
    _save(report, fitted, all_counts, trained, facts=facts, overwrite=overwrite)
    return report


def _facts(report: ImportReport, pipeline: TextPipeline, file: Path, word_list: Path | None) -> ImportFacts:
    return ImportFacts(
        format=report.format,
        pipeline=pipeline.as_dict(),
        file=_file_record(file),
        word_list=None if word_list is None else _file_record(word_list),
        ngram_rows=report.ngrams,
        words={
            "duplicates": report.duplicates.as_record(),
            "unusable": report.unusable.as_record(),
            "spaced": report.spaced.as_record(),
            "unreachable": report.unreachable.as_record(),
        },
    )


def _file_record(path: Path) -> FileRecord:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}


def _save(
    report: ImportReport,
    fitted: Fitted,
    counts: IntArray,
    trained: TrainedVocabulary,
    *,
    facts: ImportFacts,
    overwrite: bool,
) -> None:
    definition = library_json(trained.library).encode("utf-8")
    digest = hashlib.sha256(definition).hexdigest()
    with writing(report.path, overwrite=overwrite) as draft:
        # Document frequencies are unknown.
        write_vectors(draft.path, fitted, counts, np.zeros_like(counts))
        (draft.path / TOKENIZER).write_bytes(definition)
        draft.digests[TOKENIZER] = digest
        dump_json(tokenizer_config({}), draft.path / "tokenizer_config.json")
        draft.manifest = EmbeddingManifest(
            family=FAMILY,
            vocab_size=report.vocab_size,
            dim=report.dim,
            params=fitted.ngrams.settings if fitted.ngrams else {},
            tokenizer_family=Word.name,
            tokenizer_sha256=digest,
            special_ids=list(trained.special.ids().values()),
            unknown_id=trained.special.ids()[UNKNOWN],
            tokens_seen=report.words,
            token_counts=report.counts,
            document_frequencies="unknown",
            reproducible=True,
            imported=facts,
        )
