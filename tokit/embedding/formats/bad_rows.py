"""Rows of word vectors that cannot be read: an error, a repair, or a count by reason.

Under "strict" the first one stops the import. Under "replace" bytes that are not UTF-8 become U+FFFD, and everything
else is as under "strict". Under "skip" bad rows are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tokit.corpus.utf8 import ERRORS
from tokit.embedding.formats.skipped_words import EXAMPLES, SkippedWords
from tokit.errors import CorpusError, TokitError, UsageError
from tokit.registry import did_you_mean

STRICT, REPLACE, SKIP = ERRORS
# Characters of a broken word that a message shows.
SHOWN_CHARACTERS = 40
# Words that are looked at for the encoding of a file.
SAMPLED_WORDS = 100_000
NOT_UTF8, WRONG_LENGTH, NOT_A_NUMBER = "not_utf8", "wrong_length", "not_a_number"
NOT_FINITE, EMPTY_LINE, TRUNCATED, NO_HEADER = "not_finite", "empty_line", "truncated", "no_header"
REASONS = {
    NOT_UTF8: "the word is not UTF-8",
    WRONG_LENGTH: "the number of values is wrong",
    NOT_A_NUMBER: "a value is not a number",
    NOT_FINITE: "a number is not finite",
    EMPTY_LINE: "the line is empty",
    TRUNCATED: "the row is truncated",
    NO_HEADER: "two numbers that are no header",
}
NO_WORDS = SkippedWords(0, ())
SKIP_HINT = "--errors skip leaves such rows out"


@dataclass(frozen=True, slots=True)
class BadRows:
    """Faults of a file that was read all the same.

    Attributes:
        skipped: Rows without an entry in the result, by reason, a key of `REASONS`; with their places.
        replaced: Words whose bytes that are not UTF-8 became U+FFFD.
        notes: Other faults, such as a wrong header.
    """

    skipped: dict[str, SkippedWords] = field(default_factory=dict)
    replaced: SkippedWords = NO_WORDS
    notes: tuple[str, ...] = ()

    def messages(self) -> list[str]:
        """One message for each fault."""
        messages = [
            f"{rows.count:,} {'row' if rows.count == 1 else 'rows'} skipped: {REASONS[reason]}: {_examples(rows)}"
            for reason, rows in self.skipped.items()
        ]
        if self.replaced.count:
            messages.append(
                f"bytes that are not UTF-8 became U+FFFD in {self.replaced.count:,}"
                f" {'word' if self.replaced.count == 1 else 'words'}: {', '.join(map(repr, self.replaced.examples))}"
            )
        return [*self.notes, *messages]


NO_BAD_ROWS = BadRows()


def _examples(rows: SkippedWords) -> str:
    return ", ".join(rows.examples) + (", …" if rows.count > len(rows.examples) else "")


class BadRowError(Exception):
    """A row that cannot be read; the reader knows where it is."""

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.reason, self.message, self.hint = reason, message, hint


class RowErrors:
    """Raises, repairs or counts.

    Args:
        errors: "strict", "replace" or "skip".
    """

    def __init__(self, errors: str) -> None:
        self.skips, self.replaces = errors == SKIP, errors == REPLACE
        self._skipped: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}
        self._replaced: list[str] = []
        self.notes: list[str] = []

    def reject(self, reason: str, place: str, error: Callable[[], TokitError]) -> None:
        """Count a row.

        Raises:
            TokitError: rows are not skipped; its hint names how they are.
        """
        if not self.skips:
            raise error()
        self._skipped[reason] = self._skipped.get(reason, 0) + 1
        places = self._places.setdefault(reason, [])
        if len(places) < EXAMPLES:
            places.append(place)

    def not_finite(self, where: str, place: str, kind: type[TokitError]) -> None:
        """Count a row with a NaN or an infinity.

        Raises:
            TokitError: rows are not skipped.
        """
        self.reject(NOT_FINITE, place, lambda: kind(f"{where}: a number is not finite", hint=SKIP_HINT))

    def word(self, word: bytes, place: str, error: Callable[[UnicodeDecodeError], TokitError]) -> str | None:
        """Decode a word; None when its row is skipped.

        Raises:
            TokitError: it is not UTF-8, and not to be replaced or skipped.
        """
        try:
            return word.decode("utf-8")
        except UnicodeDecodeError as broken:
            found = broken
        if self.replaces:
            repaired = word.decode("utf-8", "replace")
            self._replaced.append(repaired)
            return repaired
        self.reject(NOT_UTF8, place, lambda: error(found))
        return None

    def wrong_header(self, name: str, promised: int, found: int) -> None:
        """Note that a first line counts wrongly; the real number is taken."""
        truncated = "; is the download whole?" if found < promised else ""
        self.notes.append(f"{name}: its first line promises {promised:,} words, the file has {found:,}{truncated}")

    def decoded(self, words: Sequence[bytes], where: Callable[[int], str]) -> list[str | None]:
        """Decode the words of a list.

        Raises:
            CorpusError: one is not UTF-8, and not to be replaced or skipped.
        """

        def broken(i: int, error: UnicodeDecodeError) -> CorpusError:
            return not_utf8(f"{where(i)}: byte {error.start} of the word '{shown(words[i])}'", words)

        return [
            self.word(word, f"line {i + 1}", lambda error, i=i: broken(i, error))  # type: ignore[misc]
            for i, word in enumerate(words)
        ]

    def bad(self) -> BadRows:
        """All faults so far."""
        skipped = {reason: SkippedWords(count, tuple(self._places[reason])) for reason, count in self._skipped.items()}
        return BadRows(skipped, SkippedWords.of(self._replaced), tuple(self.notes))


def check_errors(errors: str) -> None:
    """Check the name of a mode.

    Raises:
        UsageError: it is none.
    """
    if errors not in ERRORS:
        raise UsageError(f"unknown --errors '{errors}'", hint=did_you_mean(errors, list(ERRORS)))


def not_utf8(where: str, words: Iterable[bytes], hint: str = "") -> CorpusError:
    """Build the error for bytes that are not UTF-8.

    Args:
        where: The place.
        words: Words of the same file. When most of those with bytes over 127 are not UTF-8, the file may be Latin-1;
            else a tool truncated single words, and a conversion would garble all others.
        hint: Said in front.
    """
    way = "--errors replace keeps such words with U+FFFD, --errors skip leaves them out"
    if mostly_not_utf8(words):
        way = f"is it Latin-1? convert it first: iconv -f latin1 -t utf-8; or {way}"
    return CorpusError(f"{where} is not UTF-8", hint=f"{hint}; {way}" if hint else way)


def mostly_not_utf8(words: Iterable[bytes]) -> bool:
    """True if most words with bytes over 127 are not UTF-8; those that are truncated in their last character aside."""
    broken = sound = 0
    for word, _ in zip(words, range(SAMPLED_WORDS), strict=False):
        if word.isascii():
            continue
        try:
            word.decode("utf-8")
        except UnicodeDecodeError as error:
            broken += error.reason != "unexpected end of data"
        else:
            sound += 1
    return broken > sound


def shown(word: bytes) -> str:
    """Bytes as a message shows them, truncated."""
    text = word.decode("utf-8", errors="replace")
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
