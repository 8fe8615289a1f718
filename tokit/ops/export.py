"""`tokit export`: the vectors of an embedding as a file of another tool.

Only tokens that the training text has are written, frequent ones first; no special tokens. They are named by words:
see `exported_tokens`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokit.embedding.embedding_folder import StaticEmbedding, load_embedding, load_ngrams, load_output
from tokit.embedding.export_report import ExportReport, export_notes
from tokit.embedding.exported_tokens import WORDS, NamedTokens, check_names, named_tokens
from tokit.embedding.formats import WRITABLE, WritableFormat
from tokit.embedding.formats.base import ExportedVectors
from tokit.embedding.formats.detect import detect_format
from tokit.embedding.formats.source import open_source
from tokit.errors import ArtifactError, TokitError
from tokit.progress import Tick, silent
from tokit.storage.files import writing_file
from tokit.storage.hub_names import local_path
from tokit.storage.targets import require_place

WORD_LIST = ".words.txt"

# Formats of a language model.
MODEL_FORMATS = ("onnx", "positions")
# A format of two files in a folder.
FOLDER_FORMATS = ("projector",)


def export_embedding(
    artifact: str | Path,
    out: str | Path,
    *,
    to: str,
    names: str = WORDS,
    verify: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> ExportReport:
    """Write the vectors of an embedding folder to a file.

    Args:
        artifact: The folder.
        out: The file; it appears whole or not at all.
        to: A name of `tokit.embedding.formats.WRITABLE`.
        names: "words", or "tokens" for the names in the tokenizer's file.
        verify: Load the file in the libraries that it is written for, and compare, before it appears.
        overwrite: Replace a file of the same format.
        tick: Progress.

    Raises:
        UsageError: an unknown format, or one that cannot hold this.
        ArtifactError: no embedding, or the file cannot be written.
        CheckError: a library reads other vectors.
        MissingPackageError: `verify` needs gensim, which is not installed.
    """
    kind = WRITABLE.get(to)
    check_names(names)
    artifact = local_path(artifact)
    embedding = load_embedding(artifact)
    path = Path(out)
    check_file(path, to, kind, overwrite=overwrite)
    listed = path.with_suffix(WORD_LIST) if to == "npy" else None
    if listed is not None and listed.exists() and not overwrite:
        raise ArtifactError(f"{listed} exists", hint="pass --overwrite, or another -o")
    tokens = named_tokens(embedding, kind.forbidden, names=names, by_text=kind.by_text)
    if not tokens.words:
        raise ArtifactError(f"{artifact}: no token can be exported", hint=f"is it for --to {to}?")
    exported = _exported(artifact, embedding, tokens, kind, tick)
    with writing_file(path, lambda place: overwrite and _is_of(kind, place)) as file:
        kind.write(exported, file)
        file.flush()
        size = file.tell()
        verified = kind.verify(exported, Path(file.name)) if verify else ()
        if listed is not None:
            with writing_file(listed, lambda _: overwrite) as word_list:
                word_list.write("".join(f"{word}\n" for word in exported.words).encode())
    return _report(path, to, embedding, tokens, exported, names=names, word_list=listed, verified=verified, size=size)


def _report(
    path: Path,
    to: str,
    embedding: StaticEmbedding,
    tokens: NamedTokens,
    exported: ExportedVectors,
    *,
    names: str,
    word_list: Path | None,
    verified: tuple[str, ...],
    size: int,
) -> ExportReport:
    return ExportReport(
        path=str(path),
        format=to,
        words=len(exported.words),
        dim=exported.dim,
        ngrams=len(exported.ngrams.ngram_buckets) if exported.ngrams else 0,
        named_by=names,
        unseen=int((~(embedding.seen & embedding.ordinary)).sum()),
        unwritable=tokens.unwritable,
        duplicates=tokens.duplicates,
        partial=tokens.partial,
        notes=export_notes(tokens),
        word_list=str(word_list) if word_list else None,
        verified_by=verified,
        bytes=size,
    )


def check_file(path: Path, name: str, kind: type[WritableFormat], *, overwrite: bool) -> None:
    """Check that a file may be written: only one of the same format is replaced.

    Raises:
        ArtifactError: it may not.
    """
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder", hint="give -o the name of a file")
    require_place(path.resolve())
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise ArtifactError(f"{path} exists", hint="pass --overwrite, or another -o")
    if not _is_of(kind, path):
        raise ArtifactError(
            f"{path} is no file of format {name}, so it is not replaced", hint="remove it, or pass another -o"
        )


def _is_of(kind: type[WritableFormat], path: Path) -> bool:
    try:
        return path.is_file() and _format_of(path) in kind.readable_as
    except TokitError:
        return False


def _format_of(path: Path) -> str | None:
    """Format of a plain file."""
    with open_source(path) as source:
        return None if source.size is None else detect_format(source)


def _exported(
    artifact: str | Path, embedding: StaticEmbedding, tokens: NamedTokens, kind: type[WritableFormat], tick: Tick
) -> ExportedVectors:
    ids = np.array(tokens.ids, dtype=np.int64)
    return ExportedVectors(
        words=tokens.words,
        ids=ids,
        respelled=np.array(tokens.respelled, dtype=np.bool_),
        counts=embedding.token_counts[ids],
        vectors=embedding.vectors,
        ngrams=load_ngrams(artifact) if kind.by_text else None,
        output=load_output(artifact) if kind.by_text else None,
        params=embedding.manifest.params,
        cbow=embedding.manifest.family == "cbow",
        tick=tick,
    )
