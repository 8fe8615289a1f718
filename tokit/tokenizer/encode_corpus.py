"""Encode a corpus: blocks of text to ids on several threads, in the order of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus, RawBlock
from tokit.corpus.corpus_progress import is_small, raw_blocks_with_progress
from tokit.progress import Tick
from tokit.runtime.threads import in_order
from tokit.tokenizer.base import EncodeOptions

T = TypeVar("T")


class DocumentEncoder(Protocol):
    """Turns blocks into ids: a tokenizer, or what encodes conversations with one."""

    def encode_documents(self, block: Block, options: EncodeOptions) -> tuple[Block, Ids]:
        """The documents that could be encoded, and their ids."""


def encode_corpus(
    corpus: Corpus, tokenizer: DocumentEncoder, finish: Callable[[Block, Ids], T], options: EncodeOptions, tick: Tick
) -> Iterator[T]:
    """Encode every block of a corpus.

    Args:
        corpus: The text.
        tokenizer: The tokenizer, or what encodes conversations with one.
        finish: Called with each block and its ids, on the thread that encoded it.
        options: How to encode.
        tick: Progress.

    Yields:
        The result of `finish` for each block, in the order of the corpus.

    Raises:
        CorpusError: text that cannot be read.
    """

    def encode(raw_block: RawBlock) -> T:
        return finish(*tokenizer.encode_documents(raw_block.parse(), options))

    return in_order(encode, raw_blocks_with_progress(corpus, "encoding", tick), alone=is_small)
