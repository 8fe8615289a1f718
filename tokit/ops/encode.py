"""`tokit encode`: documents to ids, on a stream or as shards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus, Fingerprint, split_mask
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus
from tokit.corpus.json_record import dump_record
from tokit.errors import UsageError
from tokit.ids import FORMATS
from tokit.ids.shards import WHOLE
from tokit.ids.writer import PackedIds, ShardWriter, id_dtype
from tokit.kernels.compiled.loader import kernel, pays
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.storage.folder import check_target, writing
from tokit.storage.manifests import CorpusFacts, ShardPart, ShardsManifest
from tokit.tokenizer.base import PLAIN, EncodeOptions, Tokenizer
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.load import SHARDS_TOKENIZER
from tokit.tokenizer.special_tokens import SpecialTokens

# What stands between documents when shards are turned back into text.
SEPARATORS = {"line": "\n", "file": "", "blank": "\n\n"}
# Names in a shards folder that a held-out part cannot have.
RESERVED_PARTS = ("train", WHOLE, SHARDS_TOKENIZER)
# Shown in place of what would break a line of tokens apart.
ESCAPES = str.maketrans({"\\": "\\\\", " ": "\\x20", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})

# "00" to "99", one after the other.
TWO_DIGITS = b"".join(b"%02d" % number for number in range(100))

LineMaker = Callable[[Block, Ids, Tokenizer], bytes]


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """What encoding gave."""

    documents: int
    tokens: int
    skipped: int
    replaced: int
    path: str | None = None
    parts: dict[str, ShardPart] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """A held-out share of the documents: the part's name and its share, 0 to 1."""

    name: str
    share: float

    @classmethod
    def parse(cls, value: str) -> Split:
        """`"val=0.01"` → its parts.

        Raises:
            UsageError: not of that form, or no share between 0 and 1.
        """
        name, _, number = value.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not name.isidentifier() or name in RESERVED_PARTS or not 0 < share < 1:
            raise UsageError(f"--split {value}: not NAME=SHARE with a share between 0 and 1", hint="--split val=0.01")
        return cls(name, share)


def encode_stream(
    corpus: Corpus,
    tokenizer: Tokenizer,
    sink: BinaryIO,
    *,
    form: str = "ids",
    options: EncodeOptions = PLAIN,
    tick: Tick = silent,
) -> EncodeReport:
    """Write a line for each document.

    The line of the last document has an end when that document's own line had one. Lines go out as soon as their
    documents came in.

    Args:
        corpus: The documents; for `jsonl` opened with `keep_records`, so that the other fields are kept.
        tokenizer: The tokenizer.
        sink: Where the lines go.
        form: "ids", "tokens" (white space and backslashes in them escaped) or "jsonl".
        options: Special tokens, length.
        tick: Progress.
    """
    makers: dict[str, LineMaker] = {"ids": _id_lines, "tokens": _token_lines, "jsonl": _json_lines}
    if form not in makers:
        raise UsageError(f"unknown --as '{form}'", hint=did_you_mean(form, list(makers)))

    def written(block: Block, ids: Ids) -> Lines:
        # JSON lines always end: a record is no line of the text.
        return Lines(makers[form](block, ids, tokenizer), block.open_end and form != "jsonl", len(ids), len(ids.data))

    documents = tokens = 0
    pending = b""
    for lines in encode_corpus(corpus, tokenizer, written, options, tick):
        if lines.text:
            sink.write(pending + (lines.text[:-1] if lines.open_end else lines.text))
            pending = b"\n" if lines.open_end else b""
            sink.flush()
        documents += lines.documents
        tokens += lines.tokens
    return EncodeReport(documents, tokens, corpus.skipped, corpus.replaced)


@dataclass(frozen=True, slots=True)
class Lines:
    """A block as it is printed: a line a document, each with an end, whether or not the last one is to have it."""

    text: bytes
    open_end: bool
    documents: int
    tokens: int


def _id_lines(_block: Block, ids: Ids, _tokenizer: Tokenizer) -> bytes:
    if not pays("format_ids", ids.data.nbytes):
        return b"".join([" ".join(map(str, row)).encode("ascii") + b"\n" for row in ids.lists()])
    out = np.empty(11 * len(ids.data) + len(ids) + 1, dtype=np.uint8)
    used = kernel("format_ids")(ids.data, ids.ends, np.frombuffer(TWO_DIGITS, dtype=np.uint8), out)
    return out[:used].tobytes()


def _token_lines(_block: Block, ids: Ids, tokenizer: Tokenizer) -> bytes:
    names = [name.translate(ESCAPES) for name in tokenizer.pieces.names]
    return b"".join([" ".join([names[i] for i in row]).encode("utf-8") + b"\n" for row in ids.lists()])


def _json_lines(block: Block, ids: Ids, _tokenizer: Tokenizer) -> bytes:
    records = block.records or [{"text": text} for text in block.texts()]
    lines = [dump_record({**record, "input_ids": row}) for record, row in zip(records, ids.lists(), strict=True)]
    return b"".join([line + b"\n" for line in lines])


def encode_shards(
    corpus: Corpus,
    tokenizer: Tokenizer,
    out: str | Path,
    *,
    to: str = "bin",
    split: Split | None = None,
    options: EncodeOptions = PLAIN,
    seed: int = 0,
    overwrite: bool = False,
    tick: Tick = silent,
) -> EncodeReport:
    """Write the ids of a corpus as a shards folder.

    Args:
        corpus: The documents.
        tokenizer: The tokenizer; a foreign one without an end of text gets one, in the copy that the folder keeps.
        out: The folder.
        to: A name out of `tokit.ids.FORMATS`.
        split: A held-out share, drawn by a hash of each document.
        options: Special tokens, length.
        seed: Of the split.
        overwrite: Replace shards that are there.
        tick: Progress.

    Raises:
        CorpusError: no document in the corpus.
    """
    writer_type = FORMATS.get(to)
    check_target(out, overwrite=overwrite)
    tokenizer, notes = with_end_of_text_token(tokenizer) if writer_type.flat else (tokenizer, ())
    end_of_text = tokenizer.special_ids["endoftext"] if writer_type.flat else None
    dtype = id_dtype(tokenizer.vocab_size)
    names = [WHOLE] if split is None else ["train", split.name]
    with writing(out, overwrite=overwrite) as draft:
        with ExitStack() as stack:
            writers = [writer_type(draft.path / name, dtype, end_of_text) for name in names]
            parts = dict(zip(names, [stack.enter_context(closing(writer)) for writer in writers], strict=True))
            text, open_end = _fill_parts(corpus, tokenizer, parts, options=options, split=split, seed=seed, tick=tick)
        (draft.path / SHARDS_TOKENIZER).mkdir()
        tokenizer.save_files(draft.path / SHARDS_TOKENIZER)
        for part in parts.values():
            draft.digests.update(part.digests)
        facts = {name: _part_facts(name, part) for name, part in parts.items()}
        draft.manifest = ShardsManifest(
            format=to,
            dtype=dtype.name,
            documents=sum(part.documents for part in parts.values()),
            tokens=sum(part.tokens for part in parts.values()),
            parts=facts,
            end_of_text=end_of_text,
            tokenizer_sha256=tokenizer.sha256,
            tokenizer_family=tokenizer.family,
            vocab_size=tokenizer.vocab_size,
            lossless=tokenizer.lossless,
            add_special=options.add_special,
            parse_special=options.parse_special,
            max_length=options.max_length,
            separator=SEPARATORS[corpus.unit],
            open_end=open_end,
            split=None if split is None else {split.name: split.share},
            seed=seed,
            corpus=text,
        )
    total = sum(part.tokens for part in parts.values())
    return EncodeReport(text.documents, total, corpus.skipped, corpus.replaced, str(out), facts, notes)


def _fill_parts(
    corpus: Corpus,
    tokenizer: Tokenizer,
    parts: dict[str, ShardWriter],
    *,
    options: EncodeOptions,
    split: Split | None,
    seed: int,
    tick: Tick,
) -> tuple[CorpusFacts, bool]:
    """Encode a corpus into its parts, block by block; what it was, and whether its last line had no end.

    Raises:
        CorpusError: no document in the corpus.
    """

    def finished(block: Block, ids: Ids) -> Shares:
        shares = {name: parts[name].packed(share) for name, share in _shares(block, ids, split, seed).items()}
        return Shares(shares, Fingerprint.of(block), block.open_end)

    fingerprint = Fingerprint()
    open_end = False
    for done in encode_corpus(corpus, tokenizer, finished, options, tick):
        for name, share in done.by_part.items():
            parts[name].write(share)
        fingerprint.merge(done.fingerprint)
        open_end = done.open_end if done.fingerprint.documents else open_end
    if not fingerprint.documents:
        raise empty_corpus()
    return corpus_facts(fingerprint), open_end


def with_end_of_text_token(tokenizer: Tokenizer) -> tuple[Tokenizer, tuple[str, ...]]:
    """A tokenizer with an end-of-text token: itself, or a copy of a foreign one to which the token was added."""
    from tokit.tokenizer.special_copies import with_special_tokens

    if "endoftext" in tokenizer.special_ids:
        return tokenizer, ()
    text = SpecialTokens.parse().by_role["endoftext"]
    copy = with_special_tokens(tokenizer, {"endoftext": text})
    end = copy.special_ids["endoftext"]
    return copy, (f"the tokenizer has no end of text: the shards keep a copy with {text} as id {end}",)


@dataclass(frozen=True, slots=True)
class Shares:
    """A block on its way into the parts of a shards folder."""

    by_part: dict[str, PackedIds]
    fingerprint: Fingerprint
    open_end: bool


def _shares(block: Block, ids: Ids, split: Split | None, seed: int) -> dict[str, Ids]:
    """The documents of each part."""
    if split is None:
        return {WHOLE: ids}
    held_out = split_mask(block, split.share, seed=seed)
    return {"train": ids.select(~held_out), split.name: ids.select(held_out)}


def _part_facts(name: str, part: ShardWriter) -> ShardPart:
    ends = ("ends.npy" if name == WHOLE else f"{name}.ends.npy") if part.flat else None
    return ShardPart(part.path.name, part.documents, part.tokens, ends)
