"""Corpus and tokenizer to token ids: blocks encoded on several threads, in the order of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus, RawBlock
from tokit.corpus.corpus_progress import is_small, raw_blocks_with_progress
from tokit.progress import Tick
from tokit.runtime.threads import in_order
from tokit.tokenizer.base import EncodeOptions, Tokenizer

T = TypeVar("T")


def encode_corpus(
    corpus: Corpus, tokenizer: Tokenizer, finished: Callable[[Block, Ids], T], options: EncodeOptions, tick: Tick
) -> Iterator[T]:
    """What `finished` makes of each block of a corpus and its ids; all of it on several threads, the order kept."""

    def encode(raw_block: RawBlock) -> T:
        block = raw_block.parse()
        return finished(block, tokenizer.encode_block(block, options))

    return in_order(encode, raw_blocks_with_progress(corpus, "encoding", tick), alone=is_small)
