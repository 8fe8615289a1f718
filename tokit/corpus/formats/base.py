"""What a reader is, and the table of all readers.

A reader turns the bytes of one source into blocks. Adding a format is a module with a `Reader` in it and one line in
`READERS`; its name is also the file extension that stands for it, `ALIASES` holds the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TypeAlias

from tokit.arrays import Block
from tokit.corpus.byte_stream import COMPRESSIONS, ByteStream, ReadStats
from tokit.registry import Registry


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a corpus is read; the same for every source, but for `unit`, which a named corpus may bring.

    Attributes:
        unit: What a document is in text: "line", "file" or "blank".
        field: The field of a record that holds its text.
        errors: What happens to a document that is not UTF-8: "strict", "replace" or "skip".
        max_document: Longest document, in bytes.
        keep_records: Hand the parsed records on in `Block.records`.
        block_bytes: About how many bytes a block holds.
    """

    unit: str = "line"
    field: str = "text"
    errors: str = "strict"
    max_document: int = 1 << 30
    keep_records: bool = False
    block_bytes: int = 1 << 20


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
        read: Turns the bytes of a source into blocks, or into what blocks are made of.
        option: Which option says where its documents are; None when the format leaves no choice.
    """

    read: Read
    option: Literal["unit", "field"] | None


READERS: Registry[Reader] = Registry(
    "format",
    {
        "text": "tokit.corpus.formats.text:TEXT",
        "jsonl": "tokit.corpus.formats.jsonl:JSONL",
        "csv": "tokit.corpus.formats.csv:CSV",
        "tsv": "tokit.corpus.formats.csv:TSV",
        "parquet": "tokit.corpus.formats.parquet:PARQUET",
        "arrow": "tokit.corpus.formats.parquet:ARROW",
        "mediawiki": "tokit.corpus.formats.mediawiki:MEDIAWIKI",
    },
)

ALIASES = {
    "": "text",
    "txt": "text",
    "md": "text",
    "ndjson": "jsonl",
    "pq": "parquet",
    "feather": "arrow",
    "ipc": "arrow",
}


def split_format(name: str) -> tuple[str, str | None]:
    """A format such as "jsonl" or "jsonl.gz" as (format, compression or None)."""
    inner, dot, last = name.rpartition(".")
    return (inner, last) if dot and last in COMPRESSIONS else (name, None)


def known_format(path: str) -> tuple[str | None, str | None]:
    """(format, compression) that the name of a file stands for; the format is None when its extension is unknown."""
    pure = PurePath(path)
    compression = pure.suffix[1:].lower()
    if compression in COMPRESSIONS:
        pure = pure.with_suffix("")
    extension = pure.suffix[1:].lower()
    name = extension if extension in READERS else ALIASES.get(extension)
    return name, compression if compression in COMPRESSIONS else None
