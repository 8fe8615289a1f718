"""Readers of corpus formats: one file a format.

A new format is one file with a `Reader` in it and one line in `READERS`; its name there is also its file extension,
`ALIASES` holds further ones. Copy the file of the format that is most like it:

- `jsonl.py`: a record is a line.
- `mediawiki.py`: records inside one large file that no line end separates, such as an archive (WARC) or XML.
- `parquet.py`: tables that a library reads into arrays.
- `text.py`: a document is a stretch of the file itself.

`ByteStream` has decompressed the bytes already. `records.Collector` gathers texts into blocks, and applies
`--errors` and `--max-document`.
"""

from pathlib import PurePath

from tokit.corpus.byte_stream import COMPRESSIONS
from tokit.corpus.formats.base import Reader
from tokit.registry import Registry

READERS: Registry[Reader] = Registry(
    "format",
    {
        "text": "tokit.corpus.formats.text:TEXT",
        "jsonl": "tokit.corpus.formats.jsonl:JSONL",
        "csv": "tokit.corpus.formats.csv:CSV",
        "tsv": "tokit.corpus.formats.tsv:TSV",
        "tsv-quoted": "tokit.corpus.formats.csv:QUOTED_TSV",
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
    "tab": "tsv",
}


def split_format(name: str) -> tuple[str, str | None]:
    """A format such as "jsonl" or "jsonl.gz" as (format, compression or None)."""
    inner, dot, last = name.rpartition(".")
    return (inner, last) if dot and last in COMPRESSIONS else (name, None)


def known_format(path: str) -> tuple[str | None, str | None]:
    """(format, compression) of a file by its name; the format is None when the extension is unknown."""
    pure = PurePath(path)
    compression = pure.suffix[1:].lower().replace("zstd", "zst")
    if compression in COMPRESSIONS:
        pure = pure.with_suffix("")
    extension = pure.suffix[1:].lower()
    name = extension if extension in READERS else ALIASES.get(extension)
    return name, compression if compression in COMPRESSIONS else None
