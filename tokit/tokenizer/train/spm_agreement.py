"""Agreement of the two files of an `spm` folder with a normalizer, measured on the text that it was trained on.

SentencePiece replaces the longest match of its map. `Precompiled` of the `tokenizers` library looks up graphemes: of
one below six bytes it replaces the shortest match and drops the rest, a longer one it reads character by character.
No other component of the library has the map's effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokit.tokenizer.families.base import TrainingJob
from tokit.tokenizer.train.text_sample import sampled_texts

if TYPE_CHECKING:
    import tokenizers

SAMPLED_DOCUMENTS, LONGEST_DOCUMENT = 2000, 2000
SHOWN_CHARACTERS = 40


def agreement_note(job: TrainingJob, model: bytes, library: tokenizers.Tokenizer) -> str:
    """Note on the number of sampled documents whose ids differ between SentencePiece and the library, with what to do.

    Args:
        job: The training; without its text the words of the counts are compared, whose normalizer has run.
        model: The content of tokenizer.model.
        library: tokenizer.json.
    """
    kind, texts = "documents", []
    if job.blocks is not None:
        texts = sampled_texts(job.blocks(), SAMPLED_DOCUMENTS, job.seed, longest=LONGEST_DOCUMENT)
    else:
        kind, texts = "words", [word for word, _ in job.items[:SAMPLED_DOCUMENTS]]
    differing = differing_texts(texts, model, library)
    rule = ",".join(job.pipeline.normalizers)
    files = f"--normalizer {rule}: tokenizer.model (SentencePiece) gives"
    sample = f"{len(texts):,} sampled {kind}"
    if not differing:
        where = f"they differ where a combining mark follows a character that {rule} changes"
        return f"{files} the ids of tokenizer.json on all {sample}; {where}"
    return (
        f"{files} other ids than tokenizer.json (tokit, transformers) on {len(differing):,} of {sample}, such as"
        f" {_example(differing[0], model, library)}: tokenizer.json loses or leaves combining marks; read one of the"
        " files everywhere, or train with --normalizer none"
    )


def differing_texts(texts: Sequence[str], model: bytes, library: tokenizers.Tokenizer) -> list[str]:
    """Those of some texts to which the two files give different ids."""
    from sentencepiece import SentencePieceProcessor

    spm_ids = SentencePieceProcessor(model_proto=model).encode(list(texts))
    encodings = library.encode_batch_fast(list(texts), add_special_tokens=False)
    return [text for text, ids, encoding in zip(texts, spm_ids, encodings, strict=True) if encoding.ids != ids]


def _example(text: str, model: bytes, library: tokenizers.Tokenizer) -> str:
    """The first word of a text that differs by itself; else its beginning."""
    word = next(iter(differing_texts(text.split(" "), model, library)), text)
    return repr(word if len(word) <= SHOWN_CHARACTERS else word[:SHOWN_CHARACTERS] + "…")
