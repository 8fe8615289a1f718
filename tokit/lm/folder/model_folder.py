"""Folder of a language model, as `AutoModel`, `AutoTokenizer` and `SentenceTransformer` load it.

transformers writes `config.json` and `model.safetensors`, including the head; `modules.json` and
`1_Pooling/config.json` set mean pooling, in a form that old and new readers understand. A family that is not a class of
transformers writes the first two itself, and has no modules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokit.lm import LANGUAGE_MODELS, OWN_TYPES
from tokit.lm.families.base import LanguageModelFamily, Model, save_stock
from tokit.lm.folder.config import CONFIG, MODULES, SENTENCE_CONFIG, read_config
from tokit.storage.folder import dump_json

POOLING = "1_Pooling"


def write_model(folder: Path, family: type[LanguageModelFamily], model: Model, context: int) -> None:
    """Write everything but the tokenizer and the manifest.

    Args:
        folder: The folder to write into.
        family: Family of the model.
        model: The model with its head.
        context: Largest number of tokens of a document, special tokens included.
    """
    if family.stock:
        write_stock_model(folder, model, context)
    else:
        family.save(model, folder)


def write_stock_model(folder: Path, model: Model, context: int) -> None:
    """Write a model that is a class of transformers, see `write_model`."""
    save_stock(model, folder)
    write_sentence_modules(folder, int(model.config.hidden_size), context)


def open_model(folder: Path) -> Model:
    """Load a model of tokit or transformers, without its head.

    Raises:
        ArtifactError: its files are missing, damaged, or not of a model.
    """
    own = OWN_TYPES.get(str(read_config(folder).get("model_type")))
    model = (LANGUAGE_MODELS.get(own) if own else LanguageModelFamily).load(folder)
    model.eval()
    return model


def write_sentence_modules(folder: Path, hidden: int, context: int) -> None:
    """Write the settings that sentence-transformers reads."""
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": POOLING, "type": "sentence_transformers.models.Pooling"},
    ]
    dump_json(modules, folder / MODULES)
    dump_json({"max_seq_length": context, "do_lower_case": False}, folder / SENTENCE_CONFIG)
    pooling: dict[str, Any] = {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True}
    pooling |= {f"pooling_mode_{other}": False for other in ("cls_token", "max_tokens", "mean_sqrt_len_tokens")}
    (folder / POOLING).mkdir()
    dump_json(pooling, folder / POOLING / CONFIG)
