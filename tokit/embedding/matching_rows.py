"""Warm starts of `tokit fit --from`: the rows of an embedding, matched to the ids of a tokenizer.

With the same tokenizer a row is its id's. With another one rows are found by the text of the pieces: those that both
tokenizers write alike, then those that are a token of the embedding as `tokit near` looks words up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray, Pieces
from tokit.embedding.base import Capability, Embedding
from tokit.embedding.embedding_folder import (
    TOKENIZER,
    TRAINING,
    VECTORS,
    StaticEmbedding,
    load_embedding,
    load_ngrams,
    load_output,
)
from tokit.embedding.static_embedder import open_own_tokenizer
from tokit.embedding.warm_start import InitialVectors, NgramVectors
from tokit.embedding.words.lookup import encode_spellings, whole_token, word_spellings
from tokit.errors import TrainingError, UsageError
from tokit.storage.folder import sha256_file
from tokit.storage.warm_start_facts import EMBEDDING, WarmStartFacts
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# How rows were found.
BY_ID, BY_TEXT = "id", "text"
NONE = -1


@dataclass(frozen=True, slots=True)
class SourceEmbedding:
    """An embedding to initialize from.

    Attributes:
        folder: Its path, as the user wrote it.
        embedding: Vectors and counts.
        tokenizer: The tokenizer that the folder keeps.
        files: sha256 of the files that are read, by name.
    """

    folder: str
    embedding: StaticEmbedding
    tokenizer: LibraryTokenizer
    files: dict[str, str]

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""
        return int(self.embedding.vectors.shape[1])


@dataclass(frozen=True, slots=True)
class MatchedStart:
    """A start for the ids that are trained on.

    Attributes:
        earlier: Where it is from.
        matched: "id", or "text".
        rows: The row of each new id, -1 where there is none; int64, shape (vocab,).
        start: For the training.
    """

    earlier: SourceEmbedding
    matched: str
    rows: IntArray
    start: InitialVectors

    def counts(self, own: IntArray, earlier: IntArray) -> IntArray:
        """Counts of the new text and of the earlier one together: a token that only the earlier one has was seen."""
        total: IntArray = own + np.where(self.rows == NONE, 0, earlier[self.rows])
        return total

    @property
    def facts(self) -> WarmStartFacts:
        """Entry of a manifest."""
        embedding = self.earlier.embedding
        return WarmStartFacts(
            source=EMBEDDING,
            family=embedding.manifest.family,
            matched=self.matched,
            initialized=int(self.start.initialized.sum()),
            documents=embedding.documents or 0,
            files=self.earlier.files,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStartReport:
    """Report of a warm start.

    Attributes:
        path: The embedding.
        matched: "id" with the same tokenizer; "text" with another one: rows were found by the text of the pieces.
        initialized: Distinct tokens of the text whose vector was found there.
        random: Distinct tokens of the text whose vector was random.
        fraction: Fraction of the text's tokens that are of the first kind, 0 to 1.
        unchanged: Tokens that the text lacks, and that keep their vector.
        output: True when the output vectors were initialized from it, too.
    """

    path: str
    matched: str
    initialized: int
    random: int
    fraction: float
    unchanged: int
    output: bool

    @classmethod
    def of(cls, start: MatchedStart, counts: IntArray) -> WarmStartReport:
        """The report for a text with these token counts."""
        known, occurs = start.start.initialized, counts > 0
        return cls(
            path=start.earlier.folder,
            matched=start.matched,
            initialized=int((known & occurs).sum()),
            random=int((~known & occurs).sum()),
            fraction=float(f"{counts[known].sum() / max(int(counts.sum()), 1):.6f}"),
            unchanged=int((known & ~occurs).sum()),
            output=start.start.output is not None,
        )


def open_source_embedding(folder: str | Path) -> SourceEmbedding:
    """Open an embedding to initialize from.

    Raises:
        ArtifactError: it is none, or damaged.
    """
    embedding = load_embedding(folder)
    place = embedding.tokenizer.parent
    files = {name: sha256_file(place / name) for name in (VECTORS, TRAINING, TOKENIZER) if (place / name).is_file()}
    return SourceEmbedding(str(folder), embedding, open_own_tokenizer(embedding), files)


def check_warm_start(earlier: SourceEmbedding, family: type[Embedding], dim: int, *, reference: bool) -> None:
    """Refuse an embedding that cannot initialize a training.

    Raises:
        UsageError: the family cannot be warm-started, or the embedding has another dimension.
    """
    if Capability.WARM_STARTABLE not in family.capabilities:
        raise UsageError(
            f"{family.name} cannot be warm-started: it factorizes co-occurrence counts",
            hint="leave out --from, or fit skipgram",
        )
    if reference and Capability.REFERENCE_WARM_STARTABLE not in family.capabilities:
        raise UsageError(
            f"the reference engine cannot warm-start {family.name}", hint="leave out --engine reference, or --from"
        )
    if dim != earlier.dim:
        raise UsageError(
            f"--dim {dim}: the vectors of {earlier.folder} have {earlier.dim} dimensions", hint="leave out --dim"
        )


def match_warm_start(earlier: SourceEmbedding, family: type[Embedding], pieces: Pieces, sha256: str) -> MatchedStart:
    """The initial vectors of a training on the ids of a tokenizer.

    Args:
        earlier: The embedding to initialize from.
        family: The family to train.
        pieces: Text of each id.
        sha256: Hash of the tokenizer.

    Raises:
        TrainingError: no token has a vector there.
    """
    matched, rows, known = matching_rows(earlier, pieces, sha256)
    embedding, same = earlier.embedding, matched == BY_ID
    vectors = embedding.vectors
    kindred = embedding.manifest.family in family.shares_output_with
    # The file may be replaced by what is trained: none of it is read later.
    output = load_output(earlier.folder) if kindred else None
    output = None if output is None else np.array(output)
    start = InitialVectors(
        vectors if same else found_rows(vectors, rows),
        known,
        output if same or output is None else found_rows(output, rows),
        ngram_vectors(earlier.folder) if Capability.NGRAMS in family.capabilities else None,
    )
    return MatchedStart(earlier, matched, rows, start)


def matching_rows(earlier: SourceEmbedding, pieces: Pieces, sha256: str) -> tuple[str, IntArray, npt.NDArray[np.bool_]]:
    """Match the ids of a tokenizer to the rows of an embedding.

    Args:
        earlier: The embedding.
        pieces: Text of each id.
        sha256: Hash of the tokenizer.

    Returns:
        "id" or "text", the row of each id (NONE where there is none), and which of them hold a vector.

    Raises:
        TrainingError: no token has a vector there.
    """
    embedding = earlier.embedding
    vectors = embedding.vectors
    same = sha256 in (embedding.manifest.tokenizer_sha256, earlier.files[TOKENIZER])
    same = same and len(pieces) == len(vectors)
    # A row of zeros would learn nothing beside an output matrix of zeros.
    usable = embedding.seen & vectors.any(axis=1)
    rows = np.arange(len(vectors)) if same else rows_by_text(earlier.tokenizer, pieces, usable & embedding.ordinary)
    known = (rows != NONE) & usable[rows]
    if not known.any():
        raise TrainingError(
            f"no token of the tokenizer has a vector in {earlier.folder}",
            hint=f"do both write words alike? try: tokit near WORD -e {earlier.folder}",
        )
    return (BY_ID if same else BY_TEXT), rows, known


def found_rows(table: FloatArray, rows: IntArray) -> FloatArray:
    """Rows of a matrix by number, zeros for NONE."""
    found = np.zeros((len(rows), table.shape[1]), dtype=np.float32)
    present = rows != NONE
    found[present] = table[rows[present]]
    return found


def ngram_vectors(folder: str) -> NgramVectors | None:
    """The vectors of n-grams, if the embedding has any."""
    table = load_ngrams(folder)
    if table is None:
        return None
    settings = table.minn, table.maxn, table.bucket
    return NgramVectors(np.array(table.ngram_buckets), np.array(table.ngrams), settings)


def rows_by_text(tokenizer: LibraryTokenizer, pieces: Pieces, known: npt.NDArray[np.bool_]) -> IntArray:
    """The row of each piece of another tokenizer, -1 where there is none.

    Args:
        tokenizer: The tokenizer of the rows.
        pieces: Pieces of the other tokenizer.
        known: Rows that may be one; special and unknown tokens never are.
    """
    own, spaced = tokenizer.pieces, marks_spaces(pieces)
    alike: dict[tuple[str, str], int] = {}
    if spaced == marks_spaces(own):
        for i in np.flatnonzero(known).tolist():
            alike.setdefault((own.names[i], own.texts[i]), i)
    rows = np.full(len(pieces), NONE, dtype=np.int64)
    left = []
    for i in np.flatnonzero(~pieces.special).tolist():
        row = alike.get((pieces.names[i], pieces.texts[i]))
        if row is not None:
            rows[i] = row
        elif i != pieces.unknown_id and pieces.texts[i].strip():
            left.append(i)
    texts = [pieces.texts[i] for i in left]
    spellings = [(text, text.removeprefix(" ")) for text in texts] if spaced else word_spellings(texts)
    for i, ids in zip(left, encode_spellings(tokenizer, spellings), strict=True):
        row = whole_token(ids, known)
        rows[i] = NONE if row is None else row
    return rows


def marks_spaces(pieces: Pieces) -> bool:
    """True when pieces that start a word have the space before it in their text."""
    return any(len(text) > 1 and text[0] == " " for text in pieces.texts)
