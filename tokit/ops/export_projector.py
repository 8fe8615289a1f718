"""`tokit export --to projector`: the pair of files that TensorBoard's projector and projector.tensorflow.org load.

`tensors.tsv` has a row of numbers for each word, `metadata.tsv` a header and then the word, its count and the token of
each row. With more than one column the projector takes the first line for a header, and it skips empty lines: a word of
white space alone in a single column would shift all words behind it.
https://github.com/tensorflow/tensorboard (projector: parseTensors, parseMetadata)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokit.arrays import FloatArray
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.export_report import export_notes
from tokit.embedding.exported_tokens import WORDS, NamedTokens, check_names, named_tokens
from tokit.embedding.static_embedder import open_own_tokenizer
from tokit.errors import ArtifactError
from tokit.progress import Progress, Tick, silent
from tokit.storage.targets import drafted_folder, require_place

TENSORS, METADATA = "tensors.tsv", "metadata.tsv"
FORMAT = "projector"
HEADER = ("word", "count", "token")
ROWS_AT_ONCE = 1 << 12
# Characters that end a line or a column somewhere, as JSON writes them.
ESCAPES = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), 0x7F, 0x85, 0x2028, 0x2029)},
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectorReport:
    """Result of an export for the projector.

    Attributes:
        path: The folder.
        format: "projector".
        words: Number of rows.
        dim: Dimension of the vectors.
        named_by: "words", or "tokens": the names in the tokenizer's file.
        files: The two files.
        notes: Messages for the user.
    """

    path: str
    format: str
    words: int
    dim: int
    named_by: str
    files: tuple[str, ...]
    notes: tuple[str, ...]


def export_projector(
    artifact: str | Path, out: str | Path, *, names: str = WORDS, overwrite: bool = False, tick: Tick = silent
) -> ProjectorReport:
    """Write the vectors of an embedding folder and their words as two TSV files.

    Args:
        artifact: The folder.
        out: The folder to write.
        names: "words", or "tokens" for the names in the tokenizer's file.
        overwrite: Replace a folder that holds nothing but such files.
        tick: Progress.

    Raises:
        UsageError: unknown names.
        ArtifactError: no embedding, or the folder cannot be written.
    """
    check_names(names)
    path = Path(out)
    embedding = load_embedding(artifact)
    _check_folder(path, overwrite=overwrite)
    tokens = named_tokens(embedding, "", names=names)
    if not tokens.words:
        raise ArtifactError(f"{artifact}: no token can be exported", hint="was it fitted on any text?")
    with drafted_folder(path.resolve(), lambda there: overwrite and _is_for_projector(there)) as draft:
        _write_tensors(draft / TENSORS, embedding.vectors, tokens.ids, tick)
        counts = embedding.token_counts[np.array(tokens.ids, dtype=np.int64)].tolist()
        lines = _metadata(tokens, counts, open_own_tokenizer(embedding).pieces.names)
        (draft / METADATA).write_bytes(b"".join(lines))
    return ProjectorReport(
        path=str(path),
        format=FORMAT,
        words=len(tokens.words),
        dim=int(embedding.vectors.shape[1]),
        named_by=names,
        files=(str(path / TENSORS), str(path / METADATA)),
        notes=export_notes(tokens),
    )


def _write_tensors(path: Path, vectors: FloatArray, ids: list[int], tick: Tick) -> None:
    with path.open("wb") as file:
        for start in range(0, len(ids), ROWS_AT_ONCE):
            rows = vectors[ids[start : start + ROWS_AT_ONCE]].tolist()
            file.write("".join("\t".join(f"{x:.9g}" for x in row) + "\n" for row in rows).encode())
            tick(Progress("writing", start + len(rows), len(ids), "words"))


def _metadata(tokens: NamedTokens, counts: list[int], names: tuple[str, ...]) -> Iterator[bytes]:
    yield ("\t".join(HEADER) + "\n").encode()
    for word, i, count in zip(tokens.words, tokens.ids, counts, strict=True):
        yield f"{word.translate(ESCAPES)}\t{count}\t{names[i].translate(ESCAPES)}\n".encode()


def _check_folder(path: Path, *, overwrite: bool) -> None:
    """Check that a folder may be written: only one with these two files is replaced.

    Raises:
        ArtifactError: it may not.
    """
    require_place(path.resolve())
    if not path.exists():
        return
    if not path.is_dir():
        raise ArtifactError(f"{path} is a file", hint="give -o the name of a folder")
    if not any(path.iterdir()):
        return
    if not overwrite:
        raise ArtifactError(f"{path} exists", hint="pass --overwrite, or another -o")
    if not _is_for_projector(path):
        raise ArtifactError(f"{path} holds other files, so it is not replaced", hint="pass another -o")


def _is_for_projector(path: Path) -> bool:
    return path.is_dir() and {file.name for file in path.iterdir()} <= {TENSORS, METADATA}
