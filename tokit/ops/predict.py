"""`tokit predict`: labels, scores or tags of documents, from a fine-tuned model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tokit.arrays import Record
from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import blocks_with_progress
from tokit.corpus.json_record import dump_record
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.errors import ArtifactError, UsageError
from tokit.lm import require_lm_extra
from tokit.lm.contextual_embedder import context_of
from tokit.lm.predict.entities import AGGREGATIONS
from tokit.lm.predict.head import SEQUENCE, TOKEN, head_of, takes_pairs
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.runtime.threads import thread_count
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

if TYPE_CHECKING:
    from tokit.lm.predict.document_predictions import DocumentPredictor

# Documents that are predicted and written together.
AT_ONCE = 256
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """Settings of a prediction.

    Attributes:
        top: Number of labels of each document, or "all"; None gives the best one alone.
        aggregate: Of tags: how tokens become entities, one of `AGGREGATIONS`; None gives a tag for each word.
        pairs: Whether a document is two texts; None goes by the model.
        second: Field of the second text of a pair, in records.
    """

    top: str | None = None
    aggregate: str | None = None
    pairs: bool | None = None
    second: str | None = None

    def check(self, folder: str | Path, head: str) -> None:
        """Refuse options that do not fit the model.

        Raises:
            UsageError: they do not, or are no values of theirs.
        """
        if self.aggregate is not None and self.aggregate not in AGGREGATIONS:
            hint = did_you_mean(self.aggregate, list(AGGREGATIONS))
            raise UsageError(f"unknown --aggregate '{self.aggregate}'", hint=hint)
        if self.top not in (None, ALL) and not (str(self.top).isdecimal() and int(str(self.top)) > 0):
            raise UsageError(f"--top {self.top}: not a number from 1 on", hint="--top 3, or --top all")
        for option, value, head_of_it in (
            ("--aggregate", self.aggregate, TOKEN), ("--top", self.top, SEQUENCE), ("--pairs", self.pairs, SEQUENCE),
        ):  # fmt: skip
            if value and head != head_of_it:
                gives = "tags of words" if head == TOKEN else "labels of documents"
                raise UsageError(f"{option}: {folder} predicts {gives}", hint=f"leave {option} out")

    @property
    def count(self) -> int | None:
        """Number of labels of each document; None for all."""
        return None if self.top == ALL else int(self.top or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictReport(ReadReport):
    """Result of a prediction.

    Attributes:
        documents: Number of documents.
        truncated: Documents that were truncated to the model's context length.
        parted: Documents that are longer and were predicted in parts.
        empty: Documents without a token, which have no prediction.
        replaced_fields: Fields of the records in whose place the prediction stands.
    """

    documents: int
    truncated: int
    parted: int
    empty: int
    replaced_fields: tuple[str, ...]


def predict(
    corpus: Corpus, model: str | Path, sink: BinaryIO, options: PredictOptions | None = None, *, tick: Tick = silent
) -> PredictReport:
    """Write the predictions for a corpus as JSON lines, each as soon as its document came in.

    Args:
        corpus: The documents; opened with `keep_records`, the fields of their records are kept.
        model: A folder of tokit or transformers with a head for labels or tags.
        sink: Where the lines go.
        options: Settings.
        tick: Progress.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ArtifactError: the model cannot be opened, or has no head.
        UsageError: options that do not fit the model.
        CorpusError: text that cannot be read, or no pairs where the model takes them.
    """
    require_lm_extra("'tokit predict'")
    options, folder = options or PredictOptions(), Path(model)
    head = head_of(folder)
    options.check(model, head)
    predictor = _open(folder, head, options, tables=all(source.is_table for source in corpus.sources))
    documents, replaced = 0, set()
    for block in blocks_with_progress(corpus, "predicting", tick):
        texts = block.texts()
        records: Sequence[Record] = block.records or [{} for _ in range(len(block))]
        for first in range(0, len(texts), AT_ONCE):
            some = records[first : first + AT_ONCE]
            for record, found in zip(some, predictor.predict(texts[first : first + AT_ONCE], some), strict=True):
                replaced |= record.keys() & found.keys()
                sink.write(dump_record({**record, **found}) + b"\n")
            sink.flush()
            documents += len(some)
    return PredictReport(
        documents=documents,
        truncated=predictor.too_long if head == SEQUENCE else 0,
        parted=predictor.too_long if head == TOKEN else 0,
        empty=predictor.empty,
        replaced_fields=tuple(sorted(replaced)),
        **read_facts(corpus),
    )


def _open(folder: Path, head: str, options: PredictOptions, *, tables: bool) -> DocumentPredictor:
    tokenizer = load_tokenizer(folder)
    if not isinstance(tokenizer, LibraryTokenizer):
        raise ArtifactError(f"{folder}: it has no tokenizer.json", hint="give a folder with one")
    context = context_of(folder)
    from tokit.lm.predict.document_predictions import LabelPredictor, PairPredictor, TagPredictor
    from tokit.lm.predict.predictor import load_predictor, takes_types

    special = tokenizer.special_ids
    pad = special.get("pad", special.get("endoftext", 0))
    model = load_predictor(folder, head, pad=pad, threads=thread_count())
    if head == TOKEN:
        return TagPredictor(model, tokenizer, context, aggregation=options.aggregate)
    pairs = takes_pairs(folder) if options.pairs is None else options.pairs
    if pairs:
        typed = takes_types(folder, model.model)
        return PairPredictor(
            model, tokenizer, context, count=options.count, second=options.second, typed=typed, tables=tables
        )
    return LabelPredictor(model, tokenizer, context, count=options.count)
