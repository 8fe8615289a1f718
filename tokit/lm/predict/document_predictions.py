"""Predictions for documents: labels, labels of pairs of texts, or tags of words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from tokit.arrays import FloatArray, Ids, IntArray, Record
from tokit.corpus.formats.columns import record_value
from tokit.errors import CorpusError
from tokit.lm.finetune.encode_examples import framed, parts
from tokit.lm.predict.entities import TagGrouping, rounded
from tokit.lm.predict.predictor import Predictor
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

Prediction = dict[str, Any]
PAIR_HINT = "a pair is a line with a tab between its texts, or a record: --field text1 --second text2"


@dataclass
class DocumentPredictor(ABC):
    """A model with its tokenizer.

    Attributes:
        model: The model.
        tokenizer: Its tokenizer.
        context: Largest number of tokens.
        too_long: Number of documents that were longer.
        empty: Number of documents without a token.
    """

    model: Predictor
    tokenizer: LibraryTokenizer
    context: int
    too_long: int = field(default=0, kw_only=True)
    empty: int = field(default=0, kw_only=True)

    @abstractmethod
    def predict(self, texts: Sequence[str], records: Sequence[Record]) -> Iterator[Prediction]:
        """The prediction for each text, by field name.

        Args:
            texts: The documents.
            records: Fields of each document's record; empty for plain text.
        """


@dataclass
class LabelPredictor(DocumentPredictor):
    """Labels of texts.

    Attributes:
        count: Number of labels for a text; None for all.
    """

    count: int | None = field(default=1, kw_only=True)

    def predict(self, texts: Sequence[str], records: Sequence[Record]) -> Iterator[Prediction]:  # noqa: ARG002
        ids, truncated = framed(texts, self.tokenizer, self.context)
        self.too_long += truncated
        return self._labels(ids)

    def _labels(self, ids: Ids, types: IntArray | None = None) -> Iterator[Prediction]:
        # A template without special tokens leaves nothing of an empty text for the model to read.
        nonempty = np.flatnonzero(ids.lengths > 0)
        self.empty += len(ids) - len(nonempty)
        scores = iter(self.model.scores(Ids(ids.data, ids.ends[nonempty]), types))
        for length in ids.lengths.tolist():
            yield self._prediction(next(scores)) if length else self._nothing()

    def _prediction(self, scores: FloatArray) -> Prediction:
        if len(self.model.labels) == 1:
            return {"score": rounded(scores[0])}
        # The first of equal scores, as argmax takes it.
        order = np.argsort(-scores, kind="stable")[: self.count].tolist()
        best = [{"label": self.model.labels[i], "score": rounded(scores[i])} for i in order]
        return best[0] if self.count == 1 else {"labels": best}

    def _nothing(self) -> Prediction:
        if len(self.model.labels) == 1:
            return {"score": None}
        return {"label": None, "score": None} if self.count == 1 else {"labels": []}


@dataclass
class PairPredictor(LabelPredictor):
    """Labels or scores of pairs of texts.

    Attributes:
        second: Field of the second text in records.
        typed: Whether the model takes token type ids.
        tables: Whether records are rows of CSV or TSV, whose columns have numbers.
    """

    second: str | None = field(default=None, kw_only=True)
    typed: bool = field(default=False, kw_only=True)
    tables: bool = field(default=False, kw_only=True)

    def predict(self, texts: Sequence[str], records: Sequence[Record]) -> Iterator[Prediction]:
        pairs = [self._pair(text, record) for text, record in zip(texts, records, strict=True)]
        encoded = self.tokenizer.encode_pairs(pairs, EncodeOptions(add_special=True, max_length=self.context))
        self.too_long += sum(pair.truncated for pair in encoded)
        types = np.fromiter(chain.from_iterable(pair.types for pair in encoded), dtype=np.int64)
        return self._labels(Ids.of([pair.ids for pair in encoded]), types if self.typed else None)

    def _pair(self, text: str, record: Record) -> tuple[str, str]:
        if not record:
            one, tab, two = text.partition("\t")
            if not tab or "\t" in two:
                columns = text.count("\t") + 1
                raise CorpusError(
                    f"'{text[:60]}': {columns} column{'s' * (columns > 1)} instead of the two texts of a pair",
                    hint=PAIR_HINT,
                )
            return one, two
        name = self.second or "text2"
        second = record_value("a record", record, name, "--second", is_table=self.tables)
        if not isinstance(second, str):
            raise CorpusError(f"a record has no text in its field '{name}'", hint=PAIR_HINT)
        return text, second


@dataclass
class TagPredictor(DocumentPredictor):
    """Tags of words; sentences that are too long are predicted in parts.

    Attributes:
        aggregation: How tokens become entities; None gives a tag for each word.
    """

    aggregation: str | None = field(default=None, kw_only=True)

    def predict(self, texts: Sequence[str], records: Sequence[Record]) -> Iterator[Prediction]:  # noqa: ARG002
        if self.aggregation is None:
            texts = [" ".join(text.split()) for text in texts]
        offsets, ids = self.tokenizer.offsets_batch(texts), self.tokenizer.encode_batch(texts).lists()
        grouping = TagGrouping(self.tokenizer, self.model.labels)
        for text, own, where, rows in zip(texts, ids, offsets, self._rows(texts, ids, offsets), strict=True):
            if self.aggregation is None:
                yield grouping.words(text, rows, where)
            else:
                yield {"entities": grouping.entities(text, own, rows, where, self.aggregation)}

    def _rows(
        self, texts: Sequence[str], ids: Sequence[list[int]], offsets: Sequence[list[tuple[int, int]]]
    ) -> Iterator[FloatArray]:
        """Scores of the tokens of each text; shape (tokens, labels)."""
        before, after = self.tokenizer.frame
        room = self.context - len(before) - len(after)
        bounds = [parts(_word_starts(text, where), len(own), room)
                  for text, own, where in zip(texts, ids, offsets, strict=True)]  # fmt: skip
        self.too_long += sum(len(some) > 1 for some in bounds)
        pieces = [[*before, *own[start:end], *after]
                  for own, some in zip(ids, bounds, strict=True) for start, end in some if end > start]  # fmt: skip
        scores = iter(self.model.scores(Ids.of(pieces)))
        none = np.zeros((0, len(self.model.labels)), dtype=np.float32)
        for some in bounds:
            rows = [next(scores)[len(before) :][: end - start] for start, end in some if end > start]
            yield np.concatenate([none, *rows])


def _word_starts(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Tokens that begin a word between white space."""
    return [number for number, (start, _) in enumerate(offsets)
            if start == 0 or text[start - 1].isspace() or text[start : start + 1].isspace()]  # fmt: skip
