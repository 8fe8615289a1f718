"""Report of an import of word vectors."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.embedding.formats.skipped_words import SkippedWords


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
        bad_rows: Rows skipped, as they cannot be read, by reason; with their places.
        replaced: Words whose bytes that are not UTF-8 became U+FFFD.
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
    bad_rows: dict[str, SkippedWords]
    replaced: SkippedWords
    ngrams: int
    notes: tuple[str, ...]
