"""SentencePiece models rewritten for the `tokenizers` library.

The rewritten form is exact for BPE. For unigram the two libraries add scores in different precision, and a tie may
fall differently on rare lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.text.pipeline import METASPACE
from tokit.tokenizer.formats.ranked_merges import merges_of_ranks
from tokit.tokenizer.formats.sentencepiece_proto import CONTROL, NORMAL, UNKNOWN, USER_DEFINED, SpmModel
from tokit.tokenizer.special_tokens import guard

if TYPE_CHECKING:
    import tokenizers


def as_library(model: SpmModel) -> tokenizers.Tokenizer:
    """Rewrite a SentencePiece model for the `tokenizers` library.

    Raises:
        ArtifactError: the library has no counterpart for this type of model.
    """
    from tokenizers import Tokenizer

    if model.model_type not in ("bpe", "unigram") or model.whitespace_as_suffix:
        raise ArtifactError(
            f"a SentencePiece model of type {model.model_type} cannot be written as a tokenizer.json",
            hint="use a bpe or unigram one",
        )
    library = Tokenizer(_library_model(model))
    normalizer = _library_normalizer(model)
    if normalizer is not None:
        library.normalizer = normalizer
    splitter = _library_splitter(model)
    if splitter is not None:
        library.pre_tokenizer = splitter
    library.decoder = _library_decoder(model)
    return library


def _unknown(model: SpmModel) -> tuple[int, str]:
    return next((i, piece.text) for i, piece in enumerate(model.pieces) if piece.kind == UNKNOWN)


def _library_model(model: SpmModel) -> Any:
    from tokenizers import models

    unk_id, unk_token = _unknown(model)
    if model.model_type == "unigram":
        scored = [(piece.text, piece.score) for piece in model.pieces]
        return models.Unigram(scored, unk_id=unk_id, byte_fallback=model.byte_fallback)
    vocab = {piece.text: i for i, piece in enumerate(model.pieces)}
    normal = [piece for piece in model.pieces if piece.kind in (NORMAL, USER_DEFINED)]
    # Python's sort keeps equal scores in the order of ids.
    ranked = [piece.text for piece in sorted(normal, key=lambda piece: -piece.score)]
    return models.BPE(
        vocab=vocab,
        merges=merges_of_ranks(ranked),
        unk_token=unk_token,
        fuse_unk=True,
        byte_fallback=model.byte_fallback,
    )


def _library_normalizer(model: SpmModel) -> Any:
    from tokenizers import Regex, normalizers

    steps: list[Any] = []
    if model.charsmap:
        steps.append(normalizers.Precompiled(model.charsmap))
    if model.remove_extra_whitespaces:
        # Spaces alone: the library's Strip removes all white space. At the end the metaspace sign is removed too.
        last = f"[ {METASPACE}]+" if model.escape_whitespaces else " +"
        steps += [normalizers.Replace(Regex(rf"\A +|{last}\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if model.add_dummy_prefix:
        # Metaspace's own prepending would add nothing before a text that starts with a space.
        steps.append(normalizers.Prepend(" "))
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else normalizers.Sequence(steps)


def _library_splitter(model: SpmModel) -> Any:
    from tokenizers import pre_tokenizers

    from tokit.text.pipeline import join_steps

    steps: list[Any] = []
    if model.escape_whitespaces:
        inside = any(METASPACE in piece.text[1:] for piece in model.pieces)
        steps.append(pre_tokenizers.Metaspace(replacement=METASPACE, prepend_scheme="never", split=not inside))
    # The library's unigram would match the text of a control or byte token; SentencePiece never does.
    if model.model_type == "unigram":
        texts = [piece.text for piece in model.pieces if piece.kind in (CONTROL, UNKNOWN)]
        guarding = guard(steps, texts, byte_tokens=model.byte_fallback)
        steps += [guarding] if guarding else []
    return join_steps(steps)


def _library_decoder(model: SpmModel) -> Any:
    from tokenizers import decoders

    steps: list[Any] = [decoders.ByteFallback(), decoders.Fuse()]
    if model.escape_whitespaces:
        steps.insert(0, decoders.Replace(METASPACE, " "))
    if model.add_dummy_prefix:
        steps.append(decoders.Strip(content=" ", left=1, right=0))
    return decoders.Sequence(steps)
