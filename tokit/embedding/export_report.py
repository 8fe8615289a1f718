"""Report of an export of word vectors."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.embedding.exported_tokens import NamedTokens
from tokit.embedding.formats.skipped_words import SkippedWords, skip_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """Result of an export.

    Attributes:
        path: The file.
        format: Format of the file.
        words: Number of words in the file.
        dim: Dimension of the vectors.
        ngrams: Rows of n-grams.
        named_by: "words", or "tokens": the names in the tokenizer's file.
        unseen: Tokens skipped, as the training text has none of them.
        unwritable: Tokens skipped, as the format cannot hold them.
        duplicates: Tokens skipped, as another token is the same word.
        partial: Tokens skipped, as they are parts of a character, or white space.
        notes: Messages for the user.
        word_list: File of the words, for a format that has none.
        verified_by: Libraries that loaded the file and gave the same vectors.
        bytes: Size of the file.
    """

    path: str
    format: str
    words: int
    dim: int
    ngrams: int
    named_by: str
    unseen: int
    unwritable: SkippedWords
    duplicates: SkippedWords
    partial: int
    word_list: str | None
    verified_by: tuple[str, ...]
    bytes: int

    notes: tuple[str, ...]


def export_notes(tokens: NamedTokens) -> tuple[str, ...]:
    """Messages about tokens that are not written."""
    reasons = (
        (tokens.unwritable, "skipped: the format cannot hold a word with such characters"),
        (tokens.duplicates, "skipped: another token is the same word, and one that starts a word comes first"),
    )
    partial = f"{tokens.partial:,} tokens skipped: parts of characters or white space, which are no words"
    return (*skip_notes(reasons, "tokens"), *([partial] if tokens.partial else []))
