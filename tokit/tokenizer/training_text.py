"""Text to train on: encoded once into a stream of ids, or read from a shards folder.

Static embeddings and language models both train from such streams, so that every epoch reads ids and standard input
works like a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Ids, IntArray
from tokit.corpus import Corpus, Fingerprint, open_corpus, split_mask
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.errors import ArtifactError, UsageError
from tokit.ids.shards import Shards, open_shards
from tokit.ids.stream import IdStream, StreamWriter
from tokit.progress import Progress, Tick
from tokit.storage.folder import kind_of
from tokit.storage.manifests import CorpusFacts
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.encode.document_ids import framed_ids
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.load import load_tokenizer

T = TypeVar("T")
# Called with a block, its ids, and whether its documents are held out (None: decided by hash).
Divide: TypeAlias = Callable[[Block, Ids, bool | None], T]
NO_SIZES: IntArray = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class DividedBlock:
    """The documents of a block that are trained on, and those that are held out.

    Attributes:
        train: Ids to train on.
        held_out: Ids that are held out; None when nothing is.
        held_out_sizes: Bytes of text of each of them.
        fingerprint: Of all that are not empty.
        empty: Number of empty documents, which are left out.
    """

    train: Ids
    held_out: Ids | None
    held_out_sizes: IntArray
    fingerprint: Fingerprint
    empty: int


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Documents to keep from training.

    Attributes:
        fraction: Fraction of the documents, 0 to 1, chosen by a hash of their text.
        seed: Another seed holds out other documents.
        most_bytes: Bytes of text that are kept of them, but at least one document; the rest is dropped.
    """

    fraction: float
    seed: int
    most_bytes: int

    def mask(self, block: Block, decided: bool | None) -> npt.NDArray[np.bool_]:
        """True for documents that are held out; `decided` is the answer where the corpus has it already."""
        if decided is None:
            return split_mask(block, self.fraction, seed=self.seed)
        return np.full(len(block), decided)


class HeldOutStream:
    """Writes held-out documents, up to a number of bytes of text.

    Attributes:
        ids: Their ids.
        sizes: Bytes of text of each document; int64, shape (documents,).
    """

    def __init__(self, vocab_size: int, most_bytes: int) -> None:
        self.ids = StreamWriter(vocab_size)
        self.sizes: IntArray = NO_SIZES
        self._most_bytes = most_bytes
        self._full = False

    def add(self, ids: Ids, sizes: IntArray) -> None:
        """Keep the first documents that fit; which ones does not depend on where blocks end, nor on the tokenizer."""
        if self._full:
            return
        before, offered = len(self.sizes), np.concatenate([self.sizes, sizes])
        self.sizes = documents_within(offered, self._most_bytes)
        self.ids.add(ids.select(np.arange(len(ids)) < len(self.sizes) - before))
        self._full = len(self.sizes) < len(offered)


def documents_within(sizes: IntArray, most_bytes: int) -> IntArray:
    """The first sizes whose sum is at most `most_bytes`, but at least one."""
    return sizes[: max(1, int(np.searchsorted(np.cumsum(sizes), most_bytes, side="right")))]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingText(ReadReport):
    """A corpus as ids.

    Attributes:
        ids: The documents to train on.
        token_counts: Occurrences of each id in them; int64, shape (vocab,).
        document_frequencies: Documents that hold each id; int64, shape (vocab,).
        held_out: The documents to measure on; None when all are trained on.
        held_out_sizes: Bytes of text of each of them; int64, shape (documents,).
        facts: Fingerprint and size of the text, held-out documents included.
        notes: Notes for the user on the choice of documents.
        sources: Repositories on the Hub that the text is from, with their commits.
    """

    ids: IdStream
    token_counts: IntArray
    document_frequencies: IntArray
    held_out: IdStream | None
    held_out_sizes: IntArray
    facts: CorpusFacts
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens to train on."""
        return int(self.token_counts.sum())

    @property
    def order(self) -> str:
        """A hash of the document ends: a corpus is the same in any order of its documents, a training is not."""
        return hashlib.sha256(self.ids.ends.data).hexdigest()


@dataclass(frozen=True, slots=True)
class ShardsText:
    """A shards folder as the text of a training.

    Attributes:
        shards: The folder.
        tokenizer: The one that the shards were made with.
    """

    shards: Shards
    tokenizer: Tokenizer
    replaced: ClassVar[int] = 0

    @property
    def skip_reasons(self) -> dict[str, int]:
        """None: shards hold what was read already."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on the choice of documents."""
        notes, held_out = [], self.parts[1:]
        if held_out:
            notes.append(f"trained on part 'train' of {self.shards.path}; '{held_out[0]}' is held out")
        if self.shards.manifest.chat:
            notes.append(
                f"{self.shards.path} holds conversations: all of their tokens count, not the assistant's alone"
            )
        return tuple(notes)

    @property
    def parts(self) -> list[str]:
        """The part to train on, then the held-out part, if there is one."""
        return sorted(self.shards.parts, key=lambda part: part != "train")

    def require(self, tokenizer: Tokenizer) -> None:
        """Refuse another tokenizer than that of the shards.

        Raises:
            UsageError: the tokenizer is another one.
        """
        if tokenizer.sha256 != self.tokenizer.sha256:
            raise UsageError(
                f"{self.shards.path} was made with another tokenizer",
                hint="leave -t out: the shards keep their own",
            )

    def documents(
        self, tokenizer: LibraryTokenizer, options: EncodeOptions, tick: Tick, *, train_only: bool
    ) -> Iterator[tuple[Block, Ids, bool | None]]:
        """The text of the documents, their ids in the template that `options` ask for, and which are held out."""
        held_out: bool | None = None if len(self.parts) == 1 else False
        before, after = tokenizer.frame if options.add_special else ([], [])
        total, done = int(self.shards.manifest.tokens), 0
        for part in self.parts[:1] if train_only else self.parts:
            for ids in self.shards.read(part):
                if ids.data.max(initial=0) >= self.tokenizer.vocab_size:
                    raise ArtifactError(
                        f"{self.shards.path}: an id of part '{part}' is outside the vocabulary",
                        hint="the shards are damaged; encode again",
                    )
                yield self.tokenizer.decode_documents(ids), framed_ids(ids, before, after), held_out
                done += len(ids.data)
                tick(Progress("reading", done, total, "tokens"))
            held_out = True


def open_shards_text(path: str | Path) -> ShardsText:
    """Open a shards folder as the text of a training.

    Raises:
        ArtifactError: it is no shards folder, or a damaged one.
        UsageError: its documents hold special tokens of a template, which a training would add again.
    """
    shards = open_shards(path)
    if shards.manifest.add_special:
        raise UsageError(
            f"{path} was encoded with --add-special: its documents hold a template", hint="encode without --add-special"
        )
    return ShardsText(shards, load_tokenizer(path))


def open_training_text(paths: Sequence[str], **options: Any) -> Corpus | ShardsText:
    """Open a corpus, or the one shards folder that is named.

    Args:
        paths: See `tokit.corpus.open_corpus`; or the path of a shards folder, and nothing beside it.
        options: Those of `open_corpus`; shards take none.

    Raises:
        UsageError: shards beside other text, or with options of a corpus.
        CorpusError: there is no such file.
        ArtifactError: damaged shards.
    """
    shards = [path for path in paths if path != "-" and kind_of(path) == "shards"]
    if not shards:
        return open_corpus(paths, **options)
    if len(paths) > 1 or options.get("files_from"):
        raise UsageError(f"{shards[0]} is a shards folder, which is trained on alone", hint="encode all text into one")
    named = [name for name in ("unit", "field", "format") if options.get(name)]
    named += ["no-header"] if not options.get("header", True) else []
    if named:
        raise UsageError(f"--{named[0]} is for text, and {shards[0]} holds ids", hint=f"leave --{named[0]} out")
    return open_shards_text(shards[0])


def read_training_text(
    text: Corpus | ShardsText, tokenizer: LibraryTokenizer, hold_out: HoldOut | None, options: EncodeOptions, tick: Tick
) -> TrainingText:
    """Write the ids of a corpus to streams, once.

    Args:
        text: The corpus, or the shards.
        tokenizer: Gives the ids; for shards the form of their own tokenizer that the training needs.
        hold_out: Documents to keep from training; None trains on all of them.
        options: Special tokens around documents.
        tick: Progress.

    Raises:
        CorpusError: text that cannot be read, or none.
        ArtifactError: damaged shards.
    """

    def divide(block: Block, ids: Ids, decided: bool | None) -> DividedBlock:
        # An empty document would be nothing but the ends of a template, one after the other.
        filled = block.lengths > 0
        if not filled.all():
            block, ids = block.select(filled), ids.select(filled)
        empty, fingerprint = int(np.count_nonzero(~filled)), Fingerprint.of(block)
        if hold_out is None:
            return DividedBlock(ids, None, NO_SIZES, fingerprint, empty)
        mask = hold_out.mask(block, decided)
        return DividedBlock(ids.select(~mask), ids.select(mask), block.lengths[mask], fingerprint, empty)

    fingerprint, held_out, empty = Fingerprint(), None, 0
    with ExitStack() as stack:
        train = stack.enter_context(StreamWriter(tokenizer.vocab_size))
        if hold_out is not None:
            held_out = HeldOutStream(tokenizer.vocab_size, hold_out.most_bytes)
            stack.enter_context(held_out.ids)
        for part in _divided(text, tokenizer, divide, options, tick, train_only=hold_out is None):
            train.add(part.train)
            fingerprint.merge(part.fingerprint)
            empty += part.empty
            if held_out is not None and part.held_out is not None:
                held_out.add(part.held_out, part.held_out_sizes)
        if not fingerprint.documents:
            raise empty_corpus(text.skip_reasons)
        return TrainingText(
            ids=train.mapped(),
            token_counts=train.token_counts,
            document_frequencies=train.document_frequencies,
            held_out=None if held_out is None else held_out.ids.mapped(),
            held_out_sizes=NO_SIZES if held_out is None else held_out.sizes,
            facts=corpus_facts(fingerprint),
            **read_facts(text),
            notes=(*_notes_of(text), *empty_documents_note(empty, fingerprint.documents + empty, text)),
            sources=text.shards.manifest.sources if isinstance(text, ShardsText) else text.origins,
        )


def _notes_of(text: Corpus | ShardsText) -> tuple[str, ...]:
    return text.notes if isinstance(text, ShardsText) else ()


def empty_documents_note(empty: int, documents: int, text: Corpus | ShardsText) -> tuple[str, ...]:
    """A note on empty documents that were left out, if there were any.

    Args:
        empty: Their number.
        documents: Number of all documents.
        text: The corpus.
    """
    if not empty:
        return ()
    # An empty line is a document where a line is one.
    lines = isinstance(text, Corpus) and text.unit == "line" and any(s.reader.option == "unit" for s in text.sources)
    advice = "; --unit blank reads paragraphs" if lines else ""
    return (f"{empty:,} of {documents:,} documents are empty ({empty / documents:.1%}) and were left out{advice}",)


def _divided(
    text: Corpus | ShardsText,
    tokenizer: LibraryTokenizer,
    divide: Divide[T],
    options: EncodeOptions,
    tick: Tick,
    *,
    train_only: bool,
) -> Iterator[T]:
    if isinstance(text, Corpus):
        yield from encode_corpus(text, tokenizer, lambda block, ids: divide(block, ids, None), options, tick)
        return
    for block, ids, held_out in text.documents(tokenizer, options, tick, train_only=train_only):
        yield divide(block, ids, held_out)
