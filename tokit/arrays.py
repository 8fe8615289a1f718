"""Arrays that the packages hand on: text in blocks, counts of pre-tokens, token ids.

All of them are `Ragged`: items of varying length in one flat array plus `ends`, the exclusive end of each item, so that
bulk work touches arrays and not a Python object for every document or token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

ByteArray: TypeAlias = npt.NDArray[np.uint8]
IntArray: TypeAlias = npt.NDArray[np.int64]
IdArray: TypeAlias = npt.NDArray[np.uint32]
FloatArray: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Items: TypeAlias = "Mask | slice[int, int, None]"
Record: TypeAlias = dict[str, Any]
# Stands in a text for bytes that are not UTF-8.
REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Ragged:
    """Items of varying length in one flat array.

    Attributes:
        data: All items, one after the other; shape (total,).
        ends: Exclusive end of each item in `data`; int64, shape (items,).
    """

    data: npt.NDArray[Any]
    ends: IntArray

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def lengths(self) -> IntArray:
        """Length of each item; int64, shape (items,)."""
        return np.diff(self.ends, prepend=0)

    @property
    def starts(self) -> IntArray:
        """Start of each item in `data`; int64, shape (items,)."""
        starts = np.zeros_like(self.ends)
        starts[1:] = self.ends[:-1]
        return starts

    def select(self, mask: Mask) -> Self:
        """The items where `mask` is true, copied."""
        lengths = self.lengths
        return self._of_items(self.data[np.repeat(mask, lengths)], np.cumsum(lengths[mask], dtype=np.int64), mask)

    def slice(self, first: int, last: int) -> Self:
        """Items `first` to `last`, exclusive; their data is a view."""
        start, end = (int(self.ends[item - 1]) if item else 0 for item in (first, max(first, last)))
        return self._of_items(self.data[start:end], self.ends[first:last] - start, slice(first, last))

    def _of_items(self, data: npt.NDArray[Any], ends: IntArray, items: Items) -> Self:  # noqa: ARG002 - for subclasses
        """Some of the items; subclasses take along what else belongs to an item."""
        return type(self)(data, ends)


@dataclass(frozen=True, slots=True)
class Block(Ragged):
    """Some whole documents of a corpus.

    Attributes:
        data: UTF-8 of all documents, without the line ends between them; uint8, shape (bytes,).
        ends: Exclusive end of each document in `data`; int64, shape (documents,).
        open_end: The last document is the last of its source and its line had no newline, so output has none either.
        records: The parsed record of each document, when the reader was asked to keep them (JSON lines, tables).
        places: Source and line or record of each document, for messages; only of conversations.
    """

    data: ByteArray
    open_end: bool = False
    records: tuple[Record, ...] | None = None
    places: tuple[str, ...] | None = None

    def documents(self) -> Iterator[bytes]:
        """Each document as bytes."""
        return iter(split_items(self.data, self.ends))

    def texts(self) -> list[str]:
        """Each document as a string."""
        return [document.decode("utf-8") for document in split_items(self.data, self.ends)]

    @classmethod
    def of(
        cls,
        documents: Iterable[bytes],
        *,
        open_end: bool = False,
        records: Sequence[Record] | None = None,
        places: Sequence[str] | None = None,
    ) -> Block:
        """Join documents into one block."""
        data, ends = join_items(documents)
        return cls(
            data,
            ends,
            open_end,
            records=None if records is None else tuple(records),
            places=None if places is None else tuple(places),
        )

    def _of_items(self, data: npt.NDArray[Any], ends: IntArray, items: Items) -> Block:
        numbers = np.arange(len(self))[items]
        open_end = self.open_end and bool(np.any(numbers == len(self) - 1))
        # No Python object for a document, unless there is one already.
        records = None if self.records is None else tuple(self.records[number] for number in numbers.tolist())
        places = None if self.places is None else tuple(self.places[number] for number in numbers.tolist())
        return Block(data, ends, open_end, records, places)


@dataclass(frozen=True, slots=True)
class Counts(Ragged):
    """Number of occurrences of each pre-token, sorted by the bytes of the pre-token.

    Attributes:
        data: UTF-8 of all distinct pre-tokens; uint8, shape (bytes,).
        ends: Exclusive end of each pre-token; int64, shape (words,).
        counts: Occurrences, all > 0; int64, shape (words,). A 32-bit count overflows on a few billion tokens.
    """

    data: ByteArray
    counts: IntArray

    @property
    def total(self) -> int:
        """Occurrences of all pre-tokens together."""
        return int(self.counts.sum())

    @property
    def text_bytes(self) -> int:
        """Bytes of all occurrences together, rounded beyond 2**53."""
        return int(np.dot(self.lengths.astype(np.float64), self.counts.astype(np.float64)))

    def items(self) -> list[tuple[str, int]]:
        """Pre-tokens as strings, with their counts."""
        words = split_items(self.data, self.ends)
        return [(word.decode("utf-8"), count) for word, count in zip(words, self.counts.tolist(), strict=True)]

    @classmethod
    def of(cls, table: dict[bytes, int]) -> Counts:
        """Sort a table of counts into arrays; a word with count 0 is left out."""
        words = sorted(word for word, count in table.items() if count > 0)
        data, ends = join_items(words)
        return cls(data, ends, np.array([table[word] for word in words], dtype=np.int64))

    def _of_items(self, data: npt.NDArray[Any], ends: IntArray, items: Items) -> Counts:
        return Counts(data, ends, self.counts[items])


@dataclass(frozen=True, slots=True)
class Ids(Ragged):
    """Token ids of some documents.

    Attributes:
        data: All ids; uint32, shape (tokens,).
        ends: Exclusive end of each document's ids; int64, shape (documents,).
        assistant: True for tokens that the assistant of a conversation writes; shape (tokens,). None for text.
    """

    data: IdArray
    assistant: Mask | None = None

    def __getitem__(self, document: int) -> IdArray:
        """Ids of one document, counted from the end if negative; a view of `data`."""
        number = range(len(self))[document]
        return self.data[int(self.ends[number - 1]) if number else 0 : int(self.ends[number])]

    def __iter__(self) -> Iterator[IdArray]:
        return (self.data[start:end] for start, end in spans(self.ends))

    def __eq__(self, other: object) -> bool:
        """True for the same ids of the same documents, also as lists; a mask is not compared."""
        if isinstance(other, Ids):
            return np.array_equal(self.ends, other.ends) and np.array_equal(self.data, other.data)
        return self.lists() == other if isinstance(other, list) else NotImplemented

    # The arrays can change.
    __hash__ = None  # type: ignore[assignment]

    def _of_items(self, data: npt.NDArray[Any], ends: IntArray, items: Items) -> Ids:
        if self.assistant is None:
            return Ids(data, ends)
        chosen = np.zeros(len(self), dtype=np.bool_)
        chosen[items] = True
        return Ids(data, ends, self.assistant[np.repeat(chosen, self.lengths)])

    def lists(self) -> list[list[int]]:
        """Each document's ids as a list."""
        flat = self.data.tolist()
        return [flat[start:end] for start, end in spans(self.ends)]

    @classmethod
    def joined(cls, parts: Sequence[Ids]) -> Ids:
        """The documents of several, in order; without masks."""
        if len(parts) == 1:
            return parts[0]
        shifts = np.cumsum([0, *(len(part.data) for part in parts)], dtype=np.int64)
        ends = [part.ends + shift for part, shift in zip(parts, shifts[:-1], strict=True)]
        return cls(
            np.concatenate([np.zeros(0, np.uint32), *(part.data for part in parts)]),
            np.concatenate([np.zeros(0, np.int64), *ends]),
        )

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Ids:
        """Join lists of ids."""
        lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        ends = np.cumsum(lengths, dtype=np.int64)
        total = int(ends[-1]) if len(ends) else 0
        data = np.fromiter(chain.from_iterable(lists), dtype=np.uint32, count=total)
        return cls(data, ends)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Texts and names of the token ids: all that an embedding knows of a tokenizer.

    Attributes:
        names: The token as the tokenizer's file writes it (`Ġthe`, `##ing`), by id; "" where an id is unused.
        texts: The text it contributes; bytes that are not UTF-8 alone stand as U+FFFD.
        special: True for special tokens; shape (vocab,).
        unknown_id: The id of the unknown token, if there is one.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    special: npt.NDArray[np.bool_]
    unknown_id: int | None = None

    def __len__(self) -> int:
        return len(self.names)


def spans(ends: IntArray) -> Iterator[tuple[int, int]]:
    """(start, end) of each item."""
    stops = ends.tolist()
    return zip([0, *stops[:-1]], stops, strict=True) if stops else iter(())


def split_items(data: ByteArray, ends: IntArray) -> list[bytes]:
    """The items of a flat byte array."""
    raw = data.tobytes()
    return [raw[start:end] for start, end in spans(ends)]


def join_items(items: Iterable[bytes]) -> tuple[ByteArray, IntArray]:
    """Items joined into (data, ends)."""
    listed = list(items)
    data = np.frombuffer(b"".join(listed), dtype=np.uint8)
    lengths = np.fromiter(map(len, listed), dtype=np.int64, count=len(listed))
    return data, np.cumsum(lengths, dtype=np.int64)
