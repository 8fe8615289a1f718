"""`tokit export`: the vectors of an embedding as a file of another tool.

Only tokens that the training text has are written, frequent ones first; no special tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokit.arrays import Pieces
from tokit.embedding.embedding_folder import StaticEmbedding, load_embedding, load_ngrams, load_output
from tokit.embedding.formats.exports import EXPORTS, Export
from tokit.embedding.formats.recognise import recognise
from tokit.embedding.formats.skipped_words import Found, notes_of
from tokit.embedding.formats.writer import Exported
from tokit.embedding.ngrams import ngram_text
from tokit.embedding.static_embedder import open_own_tokenizer
from tokit.errors import ArtifactError
from tokit.progress import Tick, silent
from tokit.storage.files import writing_file

WORD_LIST = ".words.txt"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What exporting gave.

    Attributes:
        path: The file.
        format: Of the file.
        words: That it has.
        dim: Columns.
        ngrams: Rows of n-grams.
        named_by: "text": words are the tokens' texts; "token": what the tokenizer's file calls them.
        unseen: Tokens left out, as the training text has none of them.
        unwritable: Tokens left out, as the format has no way to write them.
        duplicates: Tokens left out, as another has the same text.
        word_list: Where the words are, for a format that has none.
        verified_by: Libraries that loaded the file and gave the same vectors.
        bytes: Of the file.
    """

    path: str
    format: str
    words: int
    dim: int
    ngrams: int
    named_by: str
    unseen: int
    unwritable: Found
    duplicates: Found
    word_list: str | None
    verified_by: tuple[str, ...]
    bytes: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        told = (
            (self.unwritable, "left out: the format cannot hold a word with such characters"),
            (self.duplicates, "left out: another token has the same text"),
        )
        return tuple(notes_of(told, "tokens"))


def export_embedding(
    artifact: str | Path,
    out: str | Path,
    *,
    to: str,
    verify: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> ExportReport:
    """Write the vectors of an embedding folder to a file.

    Args:
        artifact: The folder.
        out: The file; it appears whole or not at all.
        to: A name out of `tokit.embedding.formats.exports.EXPORTS`.
        verify: Load the file in the libraries it is for, and compare, before it appears.
        overwrite: Replace a file of the same format.
        tick: Progress.

    Raises:
        UsageError: an unknown format, or one that cannot hold this.
        ArtifactError: no embedding, or the file cannot be written.
        CheckError: a library reads other vectors.
    """
    kind = EXPORTS.get(to)
    embedding = load_embedding(artifact)
    path = Path(out)
    _check_target(path, kind, overwrite=overwrite)
    listed = path.with_suffix(WORD_LIST) if to == "npy" else None
    if listed is not None and listed.exists() and not overwrite:
        raise ArtifactError(f"{listed} exists", hint="pass --overwrite, or another -o")
    report, exported = _selected(artifact, embedding, kind, tick)
    with writing_file(path) as file:
        kind.write(exported, file)
        file.flush()
        size = file.tell()
        verified = kind.verify(exported, Path(file.name)) if verify else ()
        if listed is not None:
            with writing_file(listed) as words:
                words.write("".join(f"{word}\n" for word in exported.words).encode())
    return ExportReport(
        str(out), to, len(exported.words), exported.dim, report.ngrams, report.named_by, report.unseen,
        report.unwritable, report.duplicates, str(listed) if listed else None, verified, size,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Selection:
    named_by: str
    unseen: int
    unwritable: Found
    duplicates: Found
    ngrams: int


def _check_target(path: Path, kind: type[Export], *, overwrite: bool) -> None:
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder", hint="give -o the name of a file")
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise ArtifactError(f"{path} exists", hint="pass --overwrite, or another -o")
    try:
        same = path.is_file() and recognise(path) in kind.read_as
    except ArtifactError:
        same = False
    if not same:
        raise ArtifactError(
            f"{path} is no file of format {kind.name}, so it is not replaced", hint="remove it, or pass another -o"
        )


def _selected(
    artifact: str | Path, embedding: StaticEmbedding, kind: type[Export], tick: Tick
) -> tuple[_Selection, Exported]:
    manifest = embedding.manifest
    pieces = open_own_tokenizer(embedding).pieces
    by_text = kind.by_text or manifest.get("tokenizer_family") == "word"
    members = embedding.seen & embedding.ordinary
    ids = np.flatnonzero(members)
    # Frequent ones first, equal ones by id.
    ids = ids[np.argsort(-embedding.token_counts[ids], kind="stable")]
    words, rows, unwritable, duplicates = _named(pieces, ids.tolist(), kind, by_text=by_text)
    if not words:
        raise ArtifactError(f"{artifact}: no token that could be written", hint=f"is it for --to {kind.name}?")
    table = load_ngrams(artifact) if kind.by_text else None
    kept = np.array(rows, dtype=np.int64)
    exported = Exported(
        words, kept, embedding.token_counts[kept], embedding.vectors, table,
        load_output(artifact) if kind.by_text else None, manifest.get("params", {}), manifest.get("family") == "cbow",
        tick,
    )  # fmt: skip
    selection = _Selection(
        "text" if by_text else "token", len(members) - len(ids), Found.of(unwritable), Found.of(duplicates),
        len(table.ngram_buckets) if table else 0,
    )  # fmt: skip
    return selection, exported


def _named(
    pieces: Pieces, ids: Sequence[int], kind: type[Export], *, by_text: bool
) -> tuple[list[str], list[int], list[str], list[str]]:
    """Words and their tokens; and what was left out, unwritable and repeated."""
    names = [ngram_text(pieces, i) if by_text else pieces.names[i] for i in ids]
    # WordPiece's "ing" and "##ing" are one text: it is that of the token of the same name, else of the frequent one.
    owner: dict[str, int] = {}
    for i, name in zip(ids, names, strict=True):
        if name not in owner or (pieces.names[i] == name != pieces.names[owner[name]]):
            owner[name] = i
    words: list[str] = []
    rows: list[int] = []
    unwritable: list[str] = []
    duplicates: list[str] = []
    for i, name in zip(ids, names, strict=True):
        if owner[name] != i:
            duplicates.append(pieces.names[i])
        elif not name or any(character in name for character in kind.forbidden):
            unwritable.append(name)
        else:
            words.append(name)
            rows.append(i)
    return words, rows, unwritable, duplicates
