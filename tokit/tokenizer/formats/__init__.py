"""Readers of other tools' tokenizer files: one file for each format, and one line in this registry.

In a folder they are searched in this order, so the one file that describes a tokenizer completely comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.registry import Registry

if TYPE_CHECKING:
    from tokit.tokenizer.formats.base import TokenizerFormat

FORMATS: Registry[type[TokenizerFormat]] = Registry(
    "tokenizer format",
    {
        "tokenizer.json": "tokit.tokenizer.formats.huggingface:HuggingFaceJson",
        "tekken": "tokit.tokenizer.formats.tekken:TekkenJson",
        "gguf": "tokit.tokenizer.formats.gguf:GgufFile",
        "gpt2": "tokit.tokenizer.formats.gpt2:Gpt2Files",
        "sentencepiece": "tokit.tokenizer.formats.sentencepiece:SentencePieceModel",
        "bert": "tokit.tokenizer.formats.bert_vocab:BertVocab",
        "tiktoken": "tokit.tokenizer.formats.tiktoken:TiktokenRanks",
    },
)
