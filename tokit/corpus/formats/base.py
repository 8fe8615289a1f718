"""Interface of a corpus format: a `Reader` turns the bytes of one source into blocks.

A reader that is slow to parse yields `RawBlock`s, which threads parse; any other yields finished blocks and is wrapped
in `parsing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tokit.arrays import Block
from tokit.corpus.byte_stream import ByteStream, ReadStats


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of reading; the same for every source, but for `unit`, which a bundled corpus may set.

    Attributes:
        unit: Document boundary in text: "line", "file" or "blank" (runs of lines between empty ones).
        field: The field of a record that holds its text.
        errors: Treatment of a document that is not UTF-8: "strict" raises, "replace" puts U+FFFD, "skip" drops it.
        max_document: Length limit of a document, in bytes.
        keep_records: Hand the parsed records on in `Block.records`.
        block_bytes: Approximate size of a block.
        conversations: The field holds messages; a document is their JSON (`tokit/corpus/conversations.py`).
        header: The first row of CSV and TSV names the columns; without it they are named by number.
        field_option: The option that names the field, for hints.
    """

    unit: str = "line"
    field: str = "text"
    errors: str = "strict"
    max_document: int = 1 << 30
    keep_records: bool = False
    block_bytes: int = 1 << 20
    conversations: bool = False
    header: bool = True
    field_option: str = "--field"


@dataclass(frozen=True, slots=True)
class RawBlock:
    """The bytes of a block before they are checked and split into documents, which any thread may do.

    Attributes:
        size: Number of bytes.
        parse: Makes the block, which may be empty. Raises CorpusError for content that the options refuse.
    """

    size: int
    parse: Callable[[], Block]

    @classmethod
    def parsed(cls, block: Block) -> RawBlock:
        """A block that its reader has parsed already."""
        return cls(len(block.data), lambda: block)


Read: TypeAlias = Callable[[ByteStream, ReadOptions, ReadStats], Iterator[RawBlock]]
ReadBlocks: TypeAlias = Callable[[ByteStream, ReadOptions, ReadStats], Iterator[Block]]


def parsing(read: ReadBlocks) -> Read:
    """Make a reader of raw blocks out of one that parses while it reads."""

    def read_raw(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[RawBlock]:
        return map(RawBlock.parsed, read(stream, options, stats))

    return read_raw


def parsed_blocks(raw_blocks: Iterable[RawBlock]) -> Iterator[Block]:
    """Parse raw blocks one after the other, and drop those without a document."""
    for raw_block in raw_blocks:
        block = raw_block.parse()
        if len(block):
            yield block


@dataclass(frozen=True, slots=True)
class Reader:
    """A format that can be read.

    Attributes:
        read: Turns the bytes of a source into raw blocks.
        option: The option that says where its documents are; None when the format leaves no choice.
        has_header: Its first row names the columns, which have numbers too.
    """

    read: Read
    option: Literal["unit", "field"] | None
    has_header: bool = False
