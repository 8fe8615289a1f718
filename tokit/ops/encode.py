"""`tokit encode`: documents to ids, on a stream.

A line in a pipe is answered at once: what only shards need is in `encode_shards.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.errors import UsageError
from tokit.ids.output_lines import record_lines, token_lines
from tokit.kernels.dispatch import format_ids
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.runtime.threads import limited_threads
from tokit.tokenizer.base import PLAIN, EncodeOptions, Tokenizer
from tokit.tokenizer.encode_corpus import encode_corpus

if TYPE_CHECKING:
    from tokit.storage.data_manifests import ShardPart
    from tokit.tokenizer.chat.chat_encoder import ChatEncoder
    from tokit.tokenizer.encode.offsets_encoder import OffsetsEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeReport(ReadReport):
    """Result of encoding a corpus.

    Attributes:
        documents: Number of documents.
        tokens: Number of ids; in shards with end-of-text.
        path: The shards folder; None for a stream.
        parts: Files and sizes of the shards; None for a stream.
        refused: Reason → number of records that were skipped, as conversations could not be encoded.
        empty_left_out: Number of empty documents that shards leave out.
        notes: What the user should know of the tokenizer and the shards.
    """

    documents: int
    tokens: int
    path: str | None = None
    parts: dict[str, ShardPart] | None = None
    refused: dict[str, int] = field(default_factory=dict)
    empty_left_out: int = 0
    notes: tuple[str, ...] = ()


class EncodedLines(NamedTuple):
    """Lines of a block: each ends in a newline, also the last of a file whose own last line does not."""

    text: bytes
    open_end: bool
    documents: int
    tokens: int


def encode_stream(
    corpus: Corpus,
    tokenizer: Tokenizer,
    sink: BinaryIO,
    *,
    form: str = "ids",
    options: EncodeOptions = PLAIN,
    chat: bool = False,
    offsets: bool = False,
    threads: int | None = None,
    tick: Tick = silent,
) -> EncodeReport:
    """Write a line for each document, as soon as the document came in.

    The last line ends in a newline when the last line of the corpus does.

    Args:
        corpus: The documents; for `jsonl` opened with `keep_records`, so that the other fields are kept.
        tokenizer: The tokenizer.
        sink: Output.
        form: "ids", "tokens" (white space and backslashes in them escaped) or "jsonl".
        options: Special tokens, length.
        chat: The corpus holds conversations, which go through the tokenizer's chat template.
        offsets: With "jsonl": write the start and end of each token in characters of the text.
        threads: Number of threads; None takes what the environment allows.
        tick: Progress.

    Raises:
        UsageError: an unknown `form`, or a tokenizer without a chat template.
        CorpusError: text that cannot be read.
    """
    encoder = _encoder(corpus, tokenizer, chat=chat, offsets=offsets)
    lines_of = _line_format(form, tokenizer)

    def finish(block: Block, ids: Ids) -> EncodedLines:
        # JSON lines always end in a newline: a record is no line of the text.
        return EncodedLines(lines_of(block, ids), block.open_end and form != "jsonl", len(ids), len(ids.data))

    documents = tokens = 0
    newline = b""
    with limited_threads(threads):
        for lines in encode_corpus(corpus, encoder, finish, options, tick):
            if lines.text:
                # The newline of an open end is written when more lines come.
                sink.write(newline + (lines.text[:-1] if lines.open_end else lines.text))
                newline = b"\n" if lines.open_end else b""
                sink.flush()
            documents += lines.documents
            tokens += lines.tokens
    return EncodeReport(
        documents=documents,
        tokens=tokens,
        **read_facts(corpus),
        **chat_facts(encoder, options),
    )


def _encoder(
    corpus: Corpus, tokenizer: Tokenizer, *, chat: bool, offsets: bool
) -> Tokenizer | ChatEncoder | OffsetsEncoder:
    if chat:
        return chat_encoder(corpus, tokenizer)
    if offsets:
        from tokit.tokenizer.encode.offsets_encoder import OffsetsEncoder

        return OffsetsEncoder(tokenizer)
    return tokenizer


def chat_encoder(corpus: Corpus, tokenizer: Tokenizer, end_of_text: int | None = None) -> ChatEncoder:
    """The encoder of the conversations of a corpus.

    Raises:
        UsageError: the tokenizer has no chat template.
    """
    from tokit.tokenizer.chat.chat_encoder import ChatEncoder
    from tokit.tokenizer.chat.with_chat_template import require_chat_template
    from tokit.tokenizer.special_copies import library_form

    require_chat_template(tokenizer)
    return ChatEncoder(library_form(tokenizer), end_of_text=end_of_text, errors=corpus.sources[0].options.errors)


def chat_facts(encoder: Any, options: EncodeOptions) -> dict[str, Any]:
    """Entries of a report that only conversations have."""
    # The class of its encoder is imported for conversations only.
    if not hasattr(encoder, "refused"):
        return {}
    return {"refused": dict(encoder.refused), "notes": encoder.notes(options)}


def _line_format(form: str, tokenizer: Tokenizer) -> Callable[[Block, Ids], bytes]:
    formats: dict[str, Callable[[Block, Ids], bytes]] = {
        "ids": lambda _block, ids: format_ids(ids),
        "tokens": lambda _block, ids: token_lines(ids, tokenizer.pieces.names),
        "jsonl": lambda block, ids: record_lines(block, ids, getattr(ids, "offsets", None)),
    }
    if form not in formats:
        raise UsageError(f"unknown --as '{form}'", hint=did_you_mean(form, list(formats)))
    return formats[form]
