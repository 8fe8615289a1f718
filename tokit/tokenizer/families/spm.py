"""SentencePiece's own trainer, for models that other tools load from a `.model` file.

The folder holds tokenizer.json, which encodes, and tokenizer.model, which SentencePiece loads. For bpe without a
normalizer they agree on every text. With nfkc they differ where a combining mark follows a character that it changes:
the library `tokenizers` loses the mark. For unigram a tie of scores may fall differently, as they add in different
precision.
Kudo and Richardson 2018, https://aclanthology.org/D18-2012
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tokit.arrays import Block
from tokit.errors import TrainingError, UsageError
from tokit.params import param
from tokit.progress import Progress
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.families.base import TokenizerFamily, TrainedVocabulary, TrainingJob
from tokit.tokenizer.formats.sentencepiece import MODEL_FILE, parse_model
from tokit.tokenizer.formats.sentencepiece_to_library import as_library
from tokit.tokenizer.special_tokens import UNKNOWN, SpecialTokens
from tokit.tokenizer.train.library_trainer import shortened
from tokit.tokenizer.train.spm_agreement import agreement_note

# The number of threads changes the order of SentencePiece's sums, so it never follows --threads.
TRAINER_THREADS = 4
MAX_SENTENCE_BYTES = 1 << 20
# Characters, each of which has at most four bytes; with longer ones SentencePiece takes much longer, too.
LONGEST_PART = 1 << 14
# SentencePiece's names for the normalizers that it has.
CHARACTER_MAPS = {(): "identity", ("nfkc",): "nfkc", ("nfkc", "lowercase"): "nfkc_cf"}


# Part of what SentencePiece says, what it means, and what helps.
REFUSALS = (
    (
        "isfinite(score)",
        "SentencePiece computes no finite score for its pieces: the text has a very long run without white space",
        "split the long line, as at sentences, or --model-type bpe",
    ),
    (
        "!sentences_.empty()",
        "SentencePiece finds no text to train on: every document is empty or white space, or becomes so",
        "give other text; --remove-extra-whitespaces and --normalizer take characters away",
    ),
    (
        "smaller than required_chars",
        "-v is too small for SentencePiece: it has less room than the special tokens, bytes and characters need",
        "a larger -v, --character-coverage below 0.9995, or --no-byte-fallback",
    ),
)


@dataclass(frozen=True)
class SpmParams:
    """Parameters of spm, under SentencePiece's names where it has them."""

    model_type: str = param("bpe", "SentencePiece's model type", choices=("bpe", "unigram"))
    character_coverage: float = param(0.9995, "fraction of the text that the alphabet covers", minimum=0, maximum=1)
    byte_fallback: bool = param(True, "encode unknown characters as bytes, not as the unknown token")
    add_dummy_prefix: bool = param(False, "prepend a space to the text, as Llama and T5 do")
    remove_extra_whitespaces: bool = param(False, "remove leading, trailing and repeated spaces, as T5 does")
    max_piece_length: int = param(16, "maximum length of a piece, in characters", minimum=1)
    sample_sentences: int = param(5_000_000, "maximum number of documents that unigram is trained on", minimum=1)


class Spm(TokenizerFamily):
    """A SentencePiece model: bpe trained from counts, unigram from the text or a sample of it."""

    name = "spm"
    Params = SpmParams

    @classmethod
    def default_pipeline(cls, params: SpmParams) -> TextPipeline:
        return TextPipeline(pre_tokenizer="metaspace")

    @classmethod
    def needs_text(cls, params: SpmParams) -> bool:
        return params.model_type == "unigram"

    @classmethod
    def rereads_text(cls, params: SpmParams, pipeline: TextPipeline) -> bool:
        return cls.needs_text(params) or bool(pipeline.normalizers)

    @classmethod
    def train(cls, job: TrainingJob) -> TrainedVocabulary:
        if job.pipeline.pre_tokenizer != "metaspace" or job.pipeline.normalizers not in CHARACTER_MAPS:
            raise UsageError(
                "SentencePiece splits words itself, and has the normalizers nfkc and nfkc,lowercase only",
                hint="omit --pre-tokenizer (counts for spm: tokit count --pre-tokenizer metaspace)",
            )
        special = job.special.with_unknown()
        job.tick(Progress("learning", 0, None))
        documents = count_documents(job) if cls.needs_text(job.params) else None
        data = run_trainer(job, special, documents)
        notes = documents.notes if documents else shortened(job.items)[1]
        library = as_library(parse_model(data, MODEL_FILE))
        if job.pipeline.normalizers:
            notes = (*notes, agreement_note(job, data, library))
        return TrainedVocabulary(library, special, files={MODEL_FILE: data}, notes=notes)


@dataclass(frozen=True, slots=True)
class DocumentCounts:
    """Numbers of documents of a corpus: of all, and of those that are trained on in parts."""

    total: int
    long: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user."""
        note = f"documents of over {LONGEST_PART:,} characters were trained on in parts: {self.long:,}"
        return (note,) if self.long else ()


def count_documents(job: TrainingJob) -> DocumentCounts:
    """Read the corpus once, for the size of a sample and for what is to be said.

    Raises:
        TrainingError: there are only counts.
    """
    if job.blocks is None:
        raise TrainingError("SentencePiece's unigram trains on text, and there are only counts", hint="give the corpus")
    total = long = 0
    for block in job.blocks():
        total += len(block)
        # A document of fewer bytes has fewer characters, too; most need not be decoded.
        candidates = block.lengths > LONGEST_PART
        if candidates.any():
            long += sum(len(text) > LONGEST_PART for text in block.select(candidates).texts())
    return DocumentCounts(total, long)


def run_trainer(job: TrainingJob, special: SpecialTokens, documents: DocumentCounts | None = None) -> bytes:
    """Train in SentencePiece and return the model file's content.

    Args:
        job: The training.
        special: Special tokens.
        documents: Of the corpus, for unigram; None for bpe.

    Raises:
        TrainingError: SentencePiece refused the settings or the text.
    """
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=sentences(job, documents),
            model_writer=model,
            vocab_size=job.size,
            **settings(job, special),
        )
    except (RuntimeError, OSError) as error:
        raise refusal(_reason(error)) from error
    return model.getvalue()


def settings(job: TrainingJob, special: SpecialTokens) -> dict[str, Any]:
    """SentencePiece's options for a job."""
    params: SpmParams = job.params
    ids = special.ids()
    named = {"endoftext": "eos", "pad": "pad", UNKNOWN: "unk"}
    return {
        "model_type": params.model_type,
        "input_format": "text" if params.model_type == "unigram" else "tsv",
        "character_coverage": params.character_coverage,
        "byte_fallback": params.byte_fallback,
        "add_dummy_prefix": params.add_dummy_prefix,
        "remove_extra_whitespaces": params.remove_extra_whitespaces,
        "max_sentencepiece_length": params.max_piece_length,
        "normalization_rule_name": CHARACTER_MAPS[job.pipeline.normalizers],
        "split_digits": job.pipeline.digits == "single",
        "hard_vocab_limit": False,
        "num_threads": TRAINER_THREADS,
        "max_sentence_length": MAX_SENTENCE_BYTES,
        "minloglevel": 2,
        "bos_id": -1,
        **{f"{name}_id": ids[role] for role, name in named.items()},
        **{f"{name}_piece": special.by_role[role] for role, name in named.items()},
        "control_symbols": [text for role, text in special.by_role.items() if role not in named],
    }


def sentences(job: TrainingJob, documents: DocumentCounts | None) -> Iterator[str]:
    """Input of SentencePiece: words with counts for bpe, documents for unigram."""
    if documents is not None and job.blocks is not None:
        yield from sampled_documents(job.blocks(), job.params.sample_sentences / max(1, documents.total), job.seed)
        return
    # SentencePiece skips lines over its limit in silence.
    for word, count in shortened(job.items)[0]:
        # A tab or newline would end the word in SentencePiece's table.
        for part in word.replace("\n", "\t").split("\t"):
            if part:
                yield f"{part}\t{count}"


def sampled_documents(blocks: Iterable[Block], fraction: float, seed: int) -> Iterator[str]:
    """The parts of all documents, or of a seeded sample of a fraction of them, in their order."""
    import random

    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    for block in blocks:
        for text in block.texts():
            if fraction >= 1 or draw.random() < fraction:
                yield from sentences_of(text)


def sentences_of(document: str) -> Iterator[str]:
    """Parts of a document that SentencePiece reads: it skips longer ones in silence.

    Documents are split behind white space, which no piece crosses, and elsewhere only where there is none. A part has
    at most `LONGEST_PART` characters; joined, they are the document.
    """
    start = 0
    while len(document) - start > LONGEST_PART:
        end = max(document.rfind(space, start, start + LONGEST_PART) for space in " \t\n") + 1
        end = end if end > start else start + LONGEST_PART
        yield document[start:end]
        start = end
    if start < len(document) or not document:
        yield document[start:]


def _reason(error: Exception) -> str:
    text = str(error)
    # An assertion of SentencePiece ends with its condition in brackets, and has no words.
    return text.rpartition("] ")[2].strip() or text


def refusal(reason: str) -> TrainingError:
    """Say a refusal of SentencePiece in words of the user."""
    for sign, message, hint in REFUSALS:
        if sign in reason:
            return TrainingError(message, hint=hint)
    return TrainingError(f"SentencePiece refused: {reason}", hint="another -v, or more text")
