"""`tokit encode`: documents to ids, on a stream or as shards.

A line in a pipe is answered at once: what only shards need is imported by `encode_shards`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import empty_corpus
from tokit.errors import CorpusError, UsageError
from tokit.ids import FORMATS, SHARDS_TOKENIZER
from tokit.ids.output_lines import record_lines, token_lines
from tokit.kernels.dispatch import format_ids
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.runtime.threads import limited_threads
from tokit.storage.folder import check_target, writing
from tokit.tokenizer.base import PLAIN, EncodeOptions, Tokenizer
from tokit.tokenizer.encode_corpus import encode_corpus

if TYPE_CHECKING:
    from tokit.ids.parts_writer import PartsWriter, Split
    from tokit.storage.data_manifests import ShardPart, ShardsManifest
    from tokit.tokenizer.chat.chat_encoder import ChatEncoder

# Separators between documents when shards are decoded, by --unit.
SEPARATORS = {"line": "\n", "file": "", "blank": "\n\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeReport:
    """Result of encoding a corpus.

    Attributes:
        documents: Number of documents.
        tokens: Number of ids; in shards with end-of-text.
        skipped: Documents that were skipped because they are not UTF-8.
        replaced: Documents with U+FFFD in place of broken bytes.
        path: The shards folder; None for a stream.
        parts: Files and sizes of the shards; None for a stream.
        refused: Number of conversations that were skipped because the chat template refuses them.
        empty_left_out: Number of empty documents that shards leave out.
        notes: What the user should know of the tokenizer and the shards.
    """

    documents: int
    tokens: int
    skipped: int
    replaced: int
    path: str | None = None
    parts: dict[str, ShardPart] | None = None
    refused: int = 0
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
        threads: Number of threads; None takes what the environment allows.
        tick: Progress.

    Raises:
        UsageError: an unknown `form`, or a tokenizer without a chat template.
        CorpusError: text that cannot be read.
    """
    encoder = chat_encoder(corpus, tokenizer) if chat else tokenizer
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
        skipped=corpus.skipped,
        replaced=corpus.replaced,
        **_chat_facts(encoder, options),
    )


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


def _chat_facts(encoder: Tokenizer | ChatEncoder, options: EncodeOptions) -> dict[str, Any]:
    """Entries of a report on conversations."""
    if isinstance(encoder, Tokenizer):
        return {}
    notes = []
    if encoder.with_special_text:
        reading = "was read as tokens" if options.parse_special else "stayed text; --parse-special reads tokens"
        plural = "" if encoder.with_special_text == 1 else "s"
        notes.append(f"the text of special tokens in {encoder.with_special_text:,} conversation{plural} {reading}")
    if not encoder.marks_assistant:
        notes.append("the chat template does not mark what the assistant writes ({% generation %}): there is no mask")
    return {"refused": encoder.refused, "notes": tuple(notes)}


def _line_format(form: str, tokenizer: Tokenizer) -> Callable[[Block, Ids], bytes]:
    formats: dict[str, Callable[[Block, Ids], bytes]] = {
        "ids": lambda _block, ids: format_ids(ids),
        "tokens": lambda _block, ids: token_lines(ids, tokenizer.pieces.names),
        "jsonl": record_lines,
    }
    if form not in formats:
        raise UsageError(f"unknown --as '{form}'", hint=did_you_mean(form, list(formats)))
    return formats[form]


def encode_shards(
    corpus: Corpus,
    tokenizer: Tokenizer,
    out: str | Path,
    *,
    to: str = "bin",
    split: Split | None = None,
    options: EncodeOptions = PLAIN,
    end_of_text: bool = True,
    keep_empty: bool = False,
    chat: bool = False,
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    tick: Tick = silent,
) -> EncodeReport:
    """Write the ids of a corpus as a shards folder.

    Args:
        corpus: The documents.
        tokenizer: The tokenizer; a foreign one without an end-of-text token gets one, in the folder's copy.
        out: The folder to write.
        to: A name out of `tokit.ids.FORMATS`.
        split: Documents to hold out, selected by a hash of their text.
        options: Special tokens, length.
        end_of_text: End each document with the end-of-text token; one that a template has put there is enough.
        keep_empty: Write empty documents too, which are nothing but an end of text.
        chat: The corpus holds conversations, which go through the tokenizer's chat template; a mask or labels say what
            the assistant writes.
        seed: Of the split.
        threads: Number of threads; None takes what the environment allows.
        overwrite: Replace existing shards.
        tick: Progress.

    Raises:
        UsageError: an unknown format.
        CorpusError: text that cannot be read, or no document.
        ArtifactError: the folder cannot be written.
    """
    from tokit.ids.parts_writer import PartsWriter
    from tokit.ids.writer import id_dtype
    from tokit.tokenizer.shards_manifest import shards_manifest
    from tokit.tokenizer.training_text import empty_documents_note

    format = FORMATS.get(to)
    check_target(out, overwrite=overwrite)
    tokenizer, end, notes = _ended_tokenizer(tokenizer, end_of_text=end_of_text, chat=chat)
    # Most templates end a conversation themselves.
    encoder = chat_encoder(corpus, tokenizer, end) if chat else tokenizer
    dtype = id_dtype(tokenizer.vocab_size)
    with writing(out, overwrite=overwrite) as draft:
        parts = PartsWriter(
            draft.path,
            format,
            dtype,
            end_of_text=None if chat else end,
            keep_empty=keep_empty,
            masked=not isinstance(encoder, Tokenizer) and encoder.marks_assistant,
            split=split,
            seed=seed,
        )
        with closing(parts), limited_threads(threads):
            for packed in encode_corpus(corpus, encoder, parts.pack, options, tick):
                parts.write(packed)
        facts = _chat_facts(encoder, options)
        _require_documents(parts, facts.get("refused", 0))
        (draft.path / SHARDS_TOKENIZER).mkdir()
        tokenizer.save_files(draft.path / SHARDS_TOKENIZER)
        draft.digests.update(parts.digests)
        draft.manifest = manifest = shards_manifest(to, parts, tokenizer, options, SEPARATORS[corpus.unit], chat=chat)
    documents = parts.fingerprint.documents
    notes += (*empty_documents_note(parts.empty, documents, corpus), *_wide_ids_note(to, manifest))
    return EncodeReport(
        documents=manifest.documents,
        tokens=manifest.tokens,
        skipped=corpus.skipped,
        replaced=corpus.replaced,
        path=str(out),
        parts=manifest.parts,
        empty_left_out=parts.empty,
        **{**facts, "notes": (*notes, *facts.get("notes", ()))},
    )


def _ended_tokenizer(
    tokenizer: Tokenizer, *, end_of_text: bool, chat: bool
) -> tuple[Tokenizer, int | None, tuple[str, ...]]:
    """The tokenizer of shards, the id that ends their documents, and notes."""
    notes: tuple[str, ...] = ()
    if chat:
        from tokit.tokenizer.special_copies import library_form

        tokenizer = library_form(tokenizer)
    elif end_of_text:
        tokenizer, notes = _with_end_of_text(tokenizer)
    return tokenizer, tokenizer.special_ids.get("endoftext") if end_of_text else None, notes


def _require_documents(parts: PartsWriter, refused: int) -> None:
    documents = parts.fingerprint.documents
    if refused and not documents:
        raise CorpusError(f"the chat template refuses all {refused:,} conversations", hint="omit --errors skip")
    if not documents:
        raise empty_corpus()
    if parts.empty == documents:
        raise CorpusError(
            f"all {documents:,} documents are empty", hint="is --unit or --field right? --keep-empty writes them"
        )


def _wide_ids_note(to: str, manifest: ShardsManifest) -> tuple[str, ...]:
    if to != "bin" or manifest.dtype == "uint16":
        return ()
    return (f"a vocabulary of {manifest.vocab_size:,} needs ids of 32 bits: nanoGPT's train.py reads 16 (uint16)",)


def _with_end_of_text(tokenizer: Tokenizer) -> tuple[Tokenizer, tuple[str, ...]]:
    if "endoftext" in tokenizer.special_ids:
        return tokenizer, ()
    # Only foreign tokenizers need it, and it imports much.
    from tokit.tokenizer.special_copies import with_end_of_text_token

    return with_end_of_text_token(tokenizer)
