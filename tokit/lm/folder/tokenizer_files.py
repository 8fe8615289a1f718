"""Tokenizer files in the folder of a language model, as transformers loads them."""

from __future__ import annotations

from pathlib import Path

from tokit.tokenizer.chat.template_files import write_chat_templates
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, library_json
from tokit.tokenizer.tokenizer_folder import tokenizer_config, write_library_files


def write_model_tokenizer(folder: Path, source: LibraryTokenizer, context: int, *, typed: bool = False) -> None:
    """Write the tokenizer of a model.

    Args:
        folder: The folder to write into.
        source: The tokenizer, with the template of the model's documents.
        context: Largest number of tokens of a document.
        typed: The model takes token type ids.
    """
    specials = source.special_texts()
    config = {**tokenizer_config(specials), "model_max_length": context}
    if typed:
        config["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    write_library_files(library_json(source.library).encode("utf-8"), folder, specials, config=config)
    write_chat_templates(source.chat_templates, folder)
