"""`tokit import` of a folder: a static embedding that sentence-transformers or model2vec has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tokit.embedding.base import Fitted
from tokit.embedding.embedding_folder import COUNTED_ONCE, TOKENIZER, StaticEmbedding, write_vectors
from tokit.embedding.formats.bad_rows import NO_WORDS
from tokit.embedding.import_report import ImportReport
from tokit.embedding.library_embedding import open_library_embedding
from tokit.embedding.plain_tokenizer import FitTokenizer, fit_tokenizer
from tokit.embedding.static_folder import KINDS, StaticFolder
from tokit.errors import UsageError
from tokit.storage.embedding_manifest import EmbeddingManifest, ImportFacts
from tokit.storage.folder import check_target, dump_json, sha256_file, writing
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.tokenizer_folder import tokenizer_config

FAMILY = "import"


def import_folder(
    folder: Path, found: StaticFolder, out: str | Path, *, file_options: dict[str, Any], overwrite: bool
) -> ImportReport:
    """Write the vectors and the tokenizer of a static embedding of another library as an embedding folder.

    Args:
        folder: The folder of the library.
        found: What it is.
        out: The folder to write.
        file_options: Options that are for files of word vectors, with their values.
        overwrite: Replace an earlier folder.

    Raises:
        UsageError: such an option has a value.
        ArtifactError: the folder is damaged, or the other one cannot be written.
    """
    for option, value in file_options.items():
        if value is not None:
            raise UsageError(f"--{option}: {folder} is a {KINDS[found.library]}", hint=f"leave --{option} out")
    check_target(out, overwrite=overwrite)
    embedding = open_library_embedding(folder)
    source = fit_tokenizer(load_tokenizer(embedding.tokenizer))
    report = ImportReport(
        path=str(out),
        format=found.library,
        vocab_size=len(embedding.vectors),
        dim=embedding.vectors.shape[1],
        words=int((embedding.seen & embedding.ordinary).sum()),
        counts=COUNTED_ONCE,
        duplicates=NO_WORDS,
        unusable=NO_WORDS,
        spaced=NO_WORDS,
        unreachable=NO_WORDS,
        bad_rows={},
        replaced=NO_WORDS,
        ngrams=0,
        notes=(*source.notes, *_rule_notes(embedding)),
    )
    _save(report, embedding, source, found, overwrite=overwrite)
    return report


def _rule_notes(embedding: StaticEmbedding) -> list[str]:
    """Rules of the library that a folder of tokit does not keep."""
    rules = embedding.texts
    notes = []
    if rules.normalize:
        notes.append("vectors of texts are no longer scaled to length one")
    if rules.max_length is not None:
        notes.append(f"texts are no longer truncated to {rules.max_length:,} tokens")
    if not rules.skips_unknown and embedding.unknown_id is not None:
        notes.append("the unknown token is left out of the means of texts")
    return notes


def _save(
    report: ImportReport, embedding: StaticEmbedding, source: FitTokenizer, found: StaticFolder, *, overwrite: bool
) -> None:
    vectors, counts = embedding.vectors, embedding.token_counts
    fitted = Fitted(vectors=vectors, output=np.zeros((0, vectors.shape[1]), dtype=np.float32))
    weights = found.weights
    with writing(report.path, overwrite=overwrite) as draft:
        write_vectors(draft.path, fitted, counts, np.zeros_like(counts))
        (draft.path / TOKENIZER).write_text(library_json(source.plain.library), encoding="utf-8")
        dump_json(tokenizer_config({}), draft.path / "tokenizer_config.json")
        draft.manifest = EmbeddingManifest(
            family=FAMILY,
            vocab_size=report.vocab_size,
            dim=report.dim,
            params={},
            tokenizer_family=source.original.family,
            tokenizer_sha256=source.original.sha256,
            special_ids=source.pieces.special.nonzero()[0].tolist(),
            unknown_id=embedding.unknown_id,
            tokens_seen=report.words,
            token_counts=COUNTED_ONCE,
            document_frequencies="unknown",
            reproducible=True,
            imported=ImportFacts(
                format=found.library,
                pipeline={"normalizers": [], "pre_tokenizer": "foreign", "digits": ""},
                file={"name": weights.name, "bytes": weights.stat().st_size, "sha256": sha256_file(weights)},
                ngram_rows=0,
                words={},
            ),
        )
