"""`tokit decode`: ids to text, the inverse of `tokit encode`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus, CorpusSource
from tokit.errors import ArtifactError, CorpusError, IdsError
from tokit.ids.shards import Shards, open_shards
from tokit.kernels.dispatch import parse_ids
from tokit.ops.id_faults import outside, refuse_foreign, refuse_unused
from tokit.registry import did_you_mean
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.load import load_tokenizer

WORD = re.compile(rb"\S+")
ID_SIGNS = b"0123456789 \t\r\v\f"
# Far more than any id has.
MAX_DIGITS = 40


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """Result of decoding."""

    documents: int
    tokens: int


def decode_stream(corpus: Corpus, tokenizer: Tokenizer, sink: BinaryIO, *, skip_special: bool = False) -> DecodeReport:
    """Write the text of each line of ids.

    A line is ids between spaces, or a JSON object with `input_ids`. The last line of text has an end when the last
    line of ids has one.

    Raises:
        IdsError: a word that is no id, or an id outside the vocabulary, with its line and byte; or one in a gap of it.
    """
    documents = tokens = 0
    pending = b""
    for source in corpus.sources:
        number = 0
        for block in _blocks(source):
            ids = _parse_block(block, tokenizer.vocab_size, source.name, number)
            refuse_unused(ids, tokenizer, partial(_line, source.name, number))
            number += len(ids)
            text = tokenizer.decode_block(ids, b"\n", skip_special=skip_special)
            sink.write(pending + (text[:-1] if block.open_end else text))
            pending = b"\n" if block.open_end else b""
            sink.flush()
            documents += len(ids)
            tokens += len(ids.data)
    return DecodeReport(documents, tokens)


def _line(name: str, before: int, document: int, _position: int) -> str:
    return f"{name}:{before + document}"


def _blocks(source: CorpusSource) -> Iterator[Block]:
    try:
        yield from source.blocks()
    except CorpusError as error:
        # Such a hint names an option of `tokit encode`, which decode lacks.
        if "--" not in error.hint:
            raise
        raise IdsError(
            error.message, hint="decode reads what tokit encode writes; a shards folder is decoded by its folder"
        ) from error


def _parse_block(block: Block, vocab_size: int, name: str, before: int) -> Ids:
    """The ids of each line; `before` is the number of earlier lines of the source."""
    ids = parse_ids(block, vocab_size)
    if ids is not None:
        return ids
    # The slow way knows JSON, and says what is wrong and where.
    lines = enumerate(block.documents(), before + 1)
    return Ids.of([parse_line(line, vocab_size, f"{name}:{number}") for number, line in lines])


def parse_line(line: bytes, vocab_size: int, place: str) -> list[int]:
    """The ids of a line.

    Raises:
        IdsError: see `decode_stream`.
    """
    if line.lstrip().startswith(b"{"):
        return _parse_json(line, vocab_size, place)
    words = line.split()
    # int() would also read "+6" and "1_0", and it refuses thousands of digits.
    readable = not line.translate(None, ID_SIGNS) and max(map(len, words), default=0) <= MAX_DIGITS
    ids = [int(word) for word in words] if readable else [vocab_size]
    if ids and max(ids) >= vocab_size:
        raise _first_fault(line, vocab_size, place)
    return ids


def _parse_json(line: bytes, vocab_size: int, place: str) -> list[int]:
    try:
        ids = json.loads(line)["input_ids"]
    except (ValueError, KeyError, RecursionError) as error:
        raise IdsError(
            f"{place}: not a JSON object with input_ids", hint="tokit encode --as jsonl writes it"
        ) from error
    if not isinstance(ids, list) or not all(type(i) is int for i in ids):
        raise IdsError(f"{place}: input_ids is not a list of numbers", hint="tokit encode --as jsonl writes it")
    for position, i in enumerate(ids):
        if not 0 <= i < vocab_size:
            raise outside(f"{place}, input_ids[{position}]", str(i), vocab_size)
    return ids


def _first_fault(line: bytes, vocab_size: int, place: str) -> IdsError:
    for match in WORD.finditer(line):
        word = match.group().decode("utf-8", errors="replace")
        where = f"{place}:{match.start() + 1}"
        if not re.fullmatch(r"[0-9]+", word):
            return IdsError(f"{where}: '{word[:40]}' is not a token id", hint="decode reads what tokit encode writes")
        if len(word) > MAX_DIGITS or int(word) >= vocab_size:
            return outside(where, word[:40], vocab_size)
    return IdsError(f"{place}: not a line of token ids", hint="decode reads what tokit encode writes")


def decode_shards(
    path: str | Path,
    sink: BinaryIO,
    *,
    part: str | None = None,
    tokenizer: Tokenizer | None = None,
    skip_special: bool = False,
) -> DecodeReport:
    """Write the text of a shards folder, with what stood between its documents.

    Args:
        path: The folder.
        sink: Where the text goes.
        part: One part of split shards; None is all of them, one after the other.
        tokenizer: The tokenizer; None is the copy that the folder keeps.
        skip_special: Leave special tokens out.

    Raises:
        ArtifactError: damaged shards, an unknown part, or a tokenizer that is not the one they were made with.
        IdsError: an id outside the vocabulary, with its part, document and position, both counted from 1.
    """
    shards = open_shards(path)
    if tokenizer is not None and tokenizer.sha256 != shards.manifest.tokenizer_sha256:
        raise ArtifactError(f"{path} was made with another tokenizer", hint="leave -t out: the shards keep their own")
    if part is not None and part not in shards.parts:
        raise ArtifactError(f"{path} has no part '{part}'", hint=did_you_mean(part, shards.parts))
    chosen = shards.parts if part is None else [part]
    return _write_parts(shards, chosen, tokenizer or load_tokenizer(path), sink, skip_special=skip_special)


def _place(where: str, before: int, document: int, position: int) -> str:
    return f"{where}, document {before + document}, position {position}"


def _write_parts(
    shards: Shards, parts: list[str], tokenizer: Tokenizer, sink: BinaryIO, *, skip_special: bool
) -> DecodeReport:
    separator = shards.manifest.separator.encode("ascii")
    documents = tokens = 0
    pending = b""
    for part in parts:
        before = documents
        for ids in shards.read(part):
            where = f"{shards.path}, part '{part}'"
            refuse_foreign(ids, tokenizer, partial(_place, where, documents - before))
            if not len(ids):
                continue
            text = tokenizer.decode_block(ids, separator, skip_special=skip_special)
            sink.write(pending + (text[: -len(separator)] if separator else text))
            pending = separator
            documents += len(ids)
            tokens += len(ids.data)
    if documents and not shards.manifest.open_end:
        sink.write(b"\n")
    sink.flush()
    return DecodeReport(documents, tokens)
