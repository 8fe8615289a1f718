"""`tokit encode -o`: documents to ids on disk, as training loops read them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import empty_corpus
from tokit.corpus.read_report import read_facts
from tokit.errors import CorpusError
from tokit.ids import FORMATS, SHARDS_TOKENIZER
from tokit.ids.parts_writer import PartsWriter, Split
from tokit.ids.writer import id_dtype
from tokit.ops.encode import EncodeReport, chat_encoder, chat_facts
from tokit.progress import Tick, silent
from tokit.runtime.threads import limited_threads
from tokit.storage.data_manifests import ShardsManifest
from tokit.storage.folder import check_target, writing
from tokit.storage.hub_names import hub_sources
from tokit.tokenizer.base import PLAIN, EncodeOptions, Tokenizer
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.shards_manifest import shards_manifest
from tokit.tokenizer.special_copies import library_form, with_end_of_text_token
from tokit.tokenizer.training_text import empty_documents_note

# Separators between documents when shards are decoded, by --unit.
SEPARATORS = {"line": "\n", "file": "", "blank": "\n\n"}


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
        facts = chat_facts(encoder, options)
        _require_documents(parts, {**corpus.skip_reasons, **facts.get("refused", {})})
        (draft.path / SHARDS_TOKENIZER).mkdir()
        tokenizer.save_files(draft.path / SHARDS_TOKENIZER)
        draft.digests.update(parts.digests)
        manifest = shards_manifest(to, parts, tokenizer, options, SEPARATORS[corpus.unit], chat=chat)
        sources = hub_sources(tokenizer.identity.source, *corpus.origins)
        draft.manifest = manifest = replace(manifest, sources=sources)
    documents = parts.fingerprint.documents
    notes += (*empty_documents_note(parts.empty, documents, corpus), *_wide_ids_note(to, manifest))
    return EncodeReport(
        documents=manifest.documents,
        tokens=manifest.tokens,
        **read_facts(corpus),
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
        tokenizer = library_form(tokenizer)
    elif end_of_text and "endoftext" not in tokenizer.special_ids:
        tokenizer, notes = with_end_of_text_token(tokenizer)
    return tokenizer, tokenizer.special_ids.get("endoftext") if end_of_text else None, notes


def _require_documents(parts: PartsWriter, skip_reasons: dict[str, int]) -> None:
    documents = parts.fingerprint.documents
    if not documents:
        raise empty_corpus(skip_reasons)
    if parts.empty == documents:
        raise CorpusError(
            f"all {documents:,} documents are empty", hint="is --unit or --field right? --keep-empty writes them"
        )


def _wide_ids_note(to: str, manifest: ShardsManifest) -> tuple[str, ...]:
    if to != "bin" or manifest.dtype == "uint16":
        return ()
    return (f"a vocabulary of {manifest.vocab_size:,} needs ids of 32 bits: nanoGPT's train.py reads 16 (uint16)",)
