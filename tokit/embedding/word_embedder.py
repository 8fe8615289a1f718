"""`tokit embed --tokens --words`: the vectors of a word's pieces as one, their mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tokit.arrays import FloatArray, IdArray, Ids, IntArray, spans
from tokit.embedding.static_embedder import Embedder
from tokit.tokenizer.word_starts import word_starts

LOST = "\ufffd"


class WordEmbedder(Embedder):
    """An embedding whose tokens are put together to words.

    A word goes from a token that begins one, as `tokit.tokenizer.word_starts` says, to the next.

    Args:
        whole: Gives the vectors of tokens.
    """

    item = "words"

    def __init__(self, whole: Embedder) -> None:
        self._whole = whole
        self.tokenizer = whole.tokenizer
        self.component = None
        # Settings of the class that it stands for.
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
        """The first token of each word, and the words' vectors."""
        for data, starts, rows in self._words(ids):
            yield data[starts], iter((rows,))

    def named(self, ids: Ids) -> Iterator[tuple[list[str], Iterator[FloatArray]]]:
        for data, starts, rows in self._words(ids):
            words = np.split(data, starts[1:]) if len(starts) else []
            yield [self._text(word.tolist()) for word in words], iter((rows,))

    def token_ends(self, ids: Ids) -> IntArray:
        kept = self.with_vectors(ids)
        counts = [len(self._starts(kept.data[start:end])) for start, end in spans(kept.ends)]
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
        # Bytes of a character that is split over pieces are put together by the tokenizer.
        return (self.tokenizer.decode(word) if LOST in text else text).strip()
