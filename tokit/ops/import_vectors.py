"""`tokit import`: word vectors of another tool as an embedding folder.

The words of the file become a `word` tokenizer: the special tokens first, then the words in the order of the file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from tokit.arrays import IntArray
from tokit.embedding.base import Fitted
from tokit.embedding.embedding_folder import TOKENIZER, write_vectors
from tokit.embedding.formats import READABLE
from tokit.embedding.formats.base import ReadableFormat, VectorFile
from tokit.embedding.formats.detect import detect_format
from tokit.embedding.formats.source import open_source
from tokit.embedding.import_report import ImportReport
from tokit.embedding.imported_words import (
    as_fitted,
    check_options,
    import_notes,
    read_vectors,
    select_words,
    token_counts,
    unreachable_words,
)
from tokit.embedding.static_folder import find_static_folder
from tokit.errors import ArtifactError
from tokit.ops.import_folder import FAMILY, import_folder
from tokit.progress import Tick, silent
from tokit.storage.embedding_manifest import EmbeddingManifest, FileRecord, ImportFacts
from tokit.storage.folder import check_target, dump_json, sha256_file, writing
from tokit.text.pipeline import PipelineOptions, TextPipeline
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.families.base import TrainedVocabulary
from tokit.tokenizer.families.word import Word, WordParams, from_words
from tokit.tokenizer.special_tokens import UNKNOWN, SpecialTokens
from tokit.tokenizer.tokenizer_folder import tokenizer_config


def import_vectors(
    file: str | Path,
    out: str | Path,
    *,
    format: str | None = None,
    words: str | Path | None = None,
    dim: int | None = None,
    limit: int | None = None,
    errors: str = "strict",
    member: str | None = None,
    pipeline: PipelineOptions | None = None,
    ngrams: bool = True,
    overwrite: bool = False,
    tick: Tick = silent,
) -> ImportReport:
    """Read vectors of another tool and write an embedding folder.

    Args:
        file: The file, plain or compressed, a zip archive or a named pipe; "-" is standard input; or the folder of a
            static embedding that sentence-transformers or model2vec has saved.
        out: The folder to write.
        format: A name of `tokit.embedding.formats.READABLE`; None detects it from the file's first bytes.
        words: The word list of a file that holds a matrix only, one word a line.
        dim: Dimension, where the file does not name it.
        limit: Read no more than the first rows.
        errors: What happens to rows that cannot be read: "strict", "replace" or "skip".
        member: The file to read of a zip archive that has several.
        pipeline: Normalizer and pre-tokenizer of the folder's tokenizer; None is the `word` family's.
        ngrams: Keep the n-grams of a fastText model.
        overwrite: Replace an earlier folder.
        tick: Progress.

    Raises:
        UsageError: an unknown format, a word list that is missing or not wanted, another `dim` than the file's.
        CorpusError: broken text, with its line; or a word that is not UTF-8.
        ArtifactError: a broken binary file, with its byte; or the folder cannot be written.
    """
    found = find_static_folder(file) if Path(file).is_dir() else None
    if found is not None:
        options = {"format": format, "words": words, "dim": dim, "limit": limit, "member": member}
        pipeline_option = {"pre-tokenizer": pipeline and (pipeline.pre_tokenizer or pipeline.normalizers or None)}
        return import_folder(Path(file), found, out, file_options={**options, **pipeline_option}, overwrite=overwrite)
    with open_source(file, member) as source:
        name = format or detect_format(source)
        kind = READABLE.get(name)
        listed = Path(words) if words is not None else None
        vectors = VectorFile(source, listed, dim, tick, ngrams, errors, limit)
        check_options(name, kind, vectors)
        check_target(out, overwrite=overwrite)
        return _import(vectors, name, kind, out, pipeline or PipelineOptions(), overwrite=overwrite)


def _import(
    file: VectorFile,
    name: str,
    kind: type[ReadableFormat],
    out: str | Path,
    pipeline: PipelineOptions,
    *,
    overwrite: bool,
) -> ImportReport:
    content = read_vectors(kind, file)
    special = SpecialTokens.parse().with_unknown()
    selected = select_words(content.words, special)
    if not selected.words:
        raise ArtifactError(f"{file.name}: no usable word", hint="is it another --format?")
    text_pipeline = pipeline.over(Word.default_pipeline(WordParams()))
    # Special tokens are not registered with it: in the folder of an embedding no text may become one.
    trained = from_words(selected.words, text_pipeline, special)
    spaced, unreachable = unreachable_words(trained, selected.words, file.tick)
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
        bad_rows=content.bad.skipped,
        replaced=content.bad.replaced,
        ngrams=len(fitted.ngrams.ngram_buckets) if fitted.ngrams else 0,
        notes=import_notes(content.bad, selected, spaced, unreachable, text_pipeline.normalizers),
    )
    del content
    all_counts = np.concatenate([np.zeros(len(special.texts), dtype=np.int64), counts])
    _save(report, fitted, all_counts, trained, facts=_facts(report, text_pipeline, file), overwrite=overwrite)
    return report


def _facts(report: ImportReport, pipeline: TextPipeline, file: VectorFile) -> ImportFacts:
    return ImportFacts(
        format=report.format,
        pipeline=pipeline.as_dict(),
        file=file.source.record(limited=file.limit is not None),
        word_list=None if file.words is None else _file_record(file.words),
        member=file.source.member,
        errors=file.errors,
        limit=file.limit,
        ngram_rows=report.ngrams,
        words={
            "duplicates": report.duplicates.as_record(),
            "unusable": report.unusable.as_record(),
            "spaced": report.spaced.as_record(),
            "unreachable": report.unreachable.as_record(),
            "replaced": report.replaced.as_record(),
            **{reason: rows.as_record() for reason, rows in report.bad_rows.items()},
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
