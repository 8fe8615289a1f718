"""Classes of transformers whose model has other ids than their SentencePiece file, or more tokens.

XLM-R and CamemBERT keep fairseq's order of special tokens, T5 has sentinels behind its pieces. Their ids, normalizer
and template are those of transformers 5 (`models/*/tokenization_*.py`, `convert_slow_tokenizer.py`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.text.pipeline import METASPACE
from tokit.tokenizer.base import Identity
from tokit.tokenizer.formats.base import roles_of, with_settings
from tokit.tokenizer.formats.folder_settings import FolderSettings
from tokit.tokenizer.formats.sentencepiece_proto import CONTROL, USER_DEFINED, SpmModel
from tokit.tokenizer.losslessness import why_lossy

if TYPE_CHECKING:
    import tokenizers

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

Scored = list[tuple[str, float]]
# Their ids are those of the file.
SAME_IDS = {
    "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "AlbertTokenizer", "XLNetTokenizer", "DebertaV2Tokenizer",
    "BigBirdTokenizer", "PreTrainedTokenizer", "TokenizersBackend",
}  # fmt: skip
# Their ids are others, or they split text in another way.
OTHER_IDS = {
    "MBartTokenizer", "MBart50Tokenizer", "NllbTokenizer", "M2M100Tokenizer", "PegasusTokenizer", "XGLMTokenizer",
    "BarthezTokenizer", "BartphoTokenizer", "CpmTokenizer", "ReformerTokenizer", "SeamlessM4TTokenizer",
    "UdopTokenizer", "Speech2TextTokenizer", "LayoutXLMTokenizer", "MarianTokenizer", "PLBartTokenizer",
    "RemBertTokenizer", "FNetTokenizer", "MLukeTokenizer", "GPTSw3Tokenizer", "SiglipTokenizer",
}  # fmt: skip
FAIRSEQ_FILE = "sentencepiece.bpe.model"
MODEL_TYPES = {
    "xlm-roberta": "XLMRobertaTokenizer", "camembert": "CamembertTokenizer", "t5": "T5Tokenizer", "mt5": "T5Tokenizer",
    "mbart": "MBartTokenizer", "nllb": "NllbTokenizer", "m2m_100": "M2M100Tokenizer", "pegasus": "PegasusTokenizer",
    "xglm": "XGLMTokenizer", "marian": "MarianTokenizer", "llama": "LlamaTokenizer", "gemma": "GemmaTokenizer",
    "albert": "AlbertTokenizer", "xlnet": "XLNetTokenizer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RenumberedClass:
    """A class with ids of its own.

    Attributes:
        specials: transformers' name of a role → the token, where the settings name none.
        pieces: Makes the pieces, in the order of ids.
        unknown: Id of the unknown token.
        single: Template of a text, with the names of roles.
        pair: Template of two texts.
        sentinels: Special tokens without a role.
    """

    specials: dict[str, Any]
    pieces: Callable[[Scored, FolderSettings], Scored]
    unknown: int
    single: str
    pair: str
    sentinels: Callable[[FolderSettings], list[str]] = lambda _settings: []


def _xlm_roberta(pieces: Scored, settings: FolderSettings) -> Scored:
    first = [settings.text(name) for name in ("bos_token", "pad_token", "eos_token", "unk_token")]
    return [*((text, 0.0) for text in first), *pieces[3:], (settings.text("mask_token"), 0.0)]


def _camembert(pieces: Scored, settings: FolderSettings) -> Scored:
    pad, unk = settings.text("pad_token"), settings.text("unk_token")
    first = [("<s>NOTUSED", 0.0), (pad, 0.0), ("</s>NOTUSED", 0.0), (unk, 0.0), ("<unk>NOTUSED", -100.0)]
    return [*first, *pieces[1:], (settings.text("mask_token"), 0.0)]


def _t5(pieces: Scored, settings: FolderSettings) -> Scored:
    return [*pieces, *((text, 0.0) for text in reversed(_sentinels(settings)))]


def _sentinels(settings: FolderSettings) -> list[str]:
    return [f"<extra_id_{i}>" for i in range(settings.setting("extra_ids", int, 100, least=0) or 0)]


_FAIRSEQ = {
    "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>",
    "pad_token": "<pad>", "mask_token": "<mask>",
}  # fmt: skip
_ENDS = ("bos_token $A eos_token", "bos_token $A eos_token eos_token $B eos_token")
RENUMBERED = {
    "XLMRobertaTokenizer": RenumberedClass(_FAIRSEQ, _xlm_roberta, 3, *_ENDS),
    "CamembertTokenizer": RenumberedClass(
        {**_FAIRSEQ, "mask_token": {"content": "<mask>", "lstrip": True, "normalized": True}}, _camembert, 3, *_ENDS
    ),
    "T5Tokenizer": RenumberedClass(
        {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
        _t5, 2, "$A eos_token", "$A eos_token $B eos_token", _sentinels,
    ),
}  # fmt: skip


def class_name(settings: FolderSettings, path: Path) -> tuple[str, tuple[str, ...]]:
    """The class of a SentencePiece file, and notes on what the settings leave open.

    Raises:
        ArtifactError: its model has other ids than the file, in an order that tokit does not know.
    """
    name = settings.tokenizer_class or MODEL_TYPES.get(settings.model_type, "")
    if name in OTHER_IDS:
        raise ArtifactError(
            f"{path}: the ids of a {name} are not those of its SentencePiece file",
            hint="let transformers write a tokenizer.json: AutoTokenizer.from_pretrained(DIR).save_pretrained(NEW)",
        )
    if not name and path.name == FAIRSEQ_FILE:
        return name, ("these are SentencePiece's ids; XLM-R, mBART and others that have a file of this name move them",)
    known = not name or name in SAME_IDS or name in RENUMBERED
    return name, () if known else (f"taken for a {name} that has SentencePiece's ids",)


def renumbered(model: SpmModel, known: RenumberedClass, settings: FolderSettings, digest: str) -> LibraryTokenizer:
    """The tokenizer of a class with ids of its own, in the `tokenizers` library."""
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

    tokens = {name: token if isinstance(token, dict) else {"content": token} for name, token in known.specials.items()}
    settings = settings.with_defaults(tokens)
    control = [piece.text for piece in model.pieces if piece.kind in (CONTROL, USER_DEFINED)]
    extra = tuple({"content": text} for text in (*control, *known.sentinels(settings)))
    settings = dataclasses.replace(settings, extra=(*settings.extra, *extra))
    library, notes = with_settings(_library(model, known, settings), settings)
    library.post_processor = _template(known, library, settings)
    spec = json.loads(library.to_str())
    roles = roles_of(library, spec["model"], settings)
    tokenizer = LibraryTokenizer(library, Identity("unigram", "sentencepiece", digest, roles, why_lossy(spec)))
    tokenizer.notes = notes
    return tokenizer


def _library(model: SpmModel, known: RenumberedClass, settings: FolderSettings) -> tokenizers.Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    pieces = known.pieces([(piece.text, piece.score) for piece in model.pieces], settings)
    library = Tokenizer(models.Unigram(pieces, unk_id=known.unknown, byte_fallback=False))
    if model.charsmap:
        library.normalizer = normalizers.Precompiled(model.charsmap)
    splitters = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(METASPACE, "always")]
    library.pre_tokenizer = pre_tokenizers.Sequence(splitters)
    library.decoder = decoders.Metaspace(METASPACE, "always")
    return library


def _template(known: RenumberedClass, library: tokenizers.Tokenizer, settings: FolderSettings) -> Any:
    from tokenizers.processors import TemplateProcessing

    def resolved(template: str) -> list[str]:
        return [part if part.startswith("$") else settings.text(part) for part in template.split()]

    texts = {text for text in resolved(known.single) if not text.startswith("$")}
    ids = [(text, library.token_to_id(text)) for text in texts]
    return TemplateProcessing(single=resolved(known.single), pair=resolved(known.pair), special_tokens=ids)


def with_more_tokens(
    library: tokenizers.Tokenizer, model: SpmModel, settings: FolderSettings, identity: Identity
) -> LibraryTokenizer:
    """A SentencePiece model, rewritten for the library, with the tokens that its settings add."""
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, content_sha256
    from tokit.tokenizer.formats.tokenizer_classes import first_and_last

    control = tuple({"content": piece.text} for piece in model.pieces if piece.kind == CONTROL)
    # The prefix that the normalizer puts before a text would keep them from being found.
    added = {i: {**token, "normalized": False} for i, token in settings.added.items()}
    settings = dataclasses.replace(settings, added=added, extra=(*control, *settings.extra))
    library, notes = with_settings(library, settings)
    library.post_processor = first_and_last(library, settings)
    spec = json.loads(library.to_str())
    roles = {**identity.special_ids, **roles_of(library, spec["model"], settings)}
    identity = dataclasses.replace(identity, sha256=content_sha256(library), special_ids=roles)
    tokenizer = LibraryTokenizer(library, identity)
    between = "text after an added token is read as a text of its own; transformers may read no space before it"
    tokenizer.notes = (*notes, between) if model.add_dummy_prefix else notes
    return tokenizer
