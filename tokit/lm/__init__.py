"""Language models: pre-trained and fine-tuned by tokit, loaded by transformers.

Only this package imports torch and transformers' models; both come with the extra `contextual`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.errors import MissingExtraError
from tokit.registry import Registry

if TYPE_CHECKING:
    from tokit.lm.families.base import LanguageModelFamily
    from tokit.lm.pretrain_params import PretrainParams

LANGUAGE_MODELS: Registry[type[LanguageModelFamily]] = Registry(
    "language model",
    {
        "bert": "tokit.lm.families.bert:Bert",
        "llama": "tokit.lm.families.llama:Llama",
        "lstm": "tokit.lm.families.lstm:Lstm",
        "modernbert": "tokit.lm.families.modernbert:ModernBert",
    },
)
# The families' parameters: options are made of them, and their values checked, before torch is imported.
LANGUAGE_MODEL_PARAMS: Registry[type[PretrainParams]] = Registry(
    "language model",
    {
        "bert": "tokit.lm.pretrain_params:BertParams",
        "llama": "tokit.lm.pretrain_params:LlamaParams",
        "lstm": "tokit.lm.pretrain_params:LstmParams",
        "modernbert": "tokit.lm.pretrain_params:ModernBertParams",
    },
)
# Families that are not a class of transformers: `model_type` in config.json → family.
OWN_TYPES = {"tokit-lstm": "lstm"}


def language_model_family(name: str) -> type[LanguageModelFamily]:
    """A family of language models by its name.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UsageError: no such family.
    """
    require_lm_extra(f"'{name}'")
    return LANGUAGE_MODELS.get(name)


def require_lm_extra(what: str) -> None:
    """Check that torch and transformers are installed, without importing them.

    Raises:
        MissingExtraError: they are not.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None or find_spec("transformers") is None:
        raise MissingExtraError(what, "contextual")


__all__ = ["LANGUAGE_MODELS", "LANGUAGE_MODEL_PARAMS", "OWN_TYPES", "language_model_family", "require_lm_extra"]
