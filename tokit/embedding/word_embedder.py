"""Vectors of words: the mean of the vectors of a word's pieces, as `tokit embed --tokens --words` writes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tokit.arrays import REPLACEMENT, FloatArray, IdArray, Ids, IntArray, spans
from tokit.embedding.static_embedder import Embedder
from tokit.tokenizer.word_starts import word_starts


class WordEmbedder(Embedder):
    """Embedder of words in place of tokens.

    A word extends from a token that starts one, by `tokit.tokenizer.word_starts`, to the next.

    Args:
        whole: Embedder of tokens.
    """

    item = "words"

    def __init__(self, whole: Embedder) -> None:
        self._whole = whole
        self.tokenizer = whole.tokenizer
        self.component = None
        # Class attributes of the wrapped embedder.
        self.options = whole.options  # type: ignore[misc]
        self.in_threads = whole.in_threads  # type: ignore[misc]
        self._begins = word_starts(self.tokenizer.pieces)

    @property
    def dim(self) -> int:
        return self._whole.dim

    @property
    def truncated(self) -> int:  # type: ignore[override]
        return self._whole.truncated

    def means(self, ids: Ids) -> FloatArray:
        return self._whole.means(ids)

    def with_vectors(self, ids: Ids) -> Ids:
        return self._whole.with_vectors(ids)

    def tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        """First token of each word, and the words' vectors."""
        for data, starts, rows in self._words(ids):
            yield data[starts], iter((rows,))

    def named(self, ids: Ids) -> Iterator[tuple[list[str], Iterator[FloatArray]]]:
        for data, starts, rows in self._words(ids):
            words = np.split(data, starts[1:]) if len(starts) else []
            yield [self._text(word.tolist()) for word in words], iter((rows,))

    def token_ends(self, ids: Ids) -> IntArray:
        tokens = self.with_vectors(ids)
        counts = [len(self._starts(tokens.data[start:end])) for start, end in spans(tokens.ends)]
        return np.cumsum(np.array(counts, dtype=np.int64))

    def _words(self, ids: Ids) -> Iterator[tuple[IdArray, IntArray, FloatArray]]:
        """The tokens of each document, the first token of each word, and the words' vectors."""
        for data, parts in self._whole.tokens(ids):
            starts = self._starts(data)
            if not len(starts):
                yield data, starts, np.zeros((0, self.dim), dtype=np.float32)
                continue
            means: FloatArray = np.add.reduceat(np.concatenate(list(parts)), starts, axis=0)
            means /= np.diff(np.append(starts, len(data)))[:, None]
            yield data, starts, means

    def _starts(self, data: IdArray) -> IntArray:
        begins = self._begins[data]
        begins[:1] = True
        return np.flatnonzero(begins)

    def _text(self, word: list[int]) -> str:
        texts = self.tokenizer.pieces.texts
        text = "".join([texts[i] for i in word])
        # The tokenizer joins the bytes of a character that is split over pieces.
        return (self.tokenizer.decode(word) if REPLACEMENT in text else text).strip()
