"""Text ↔ ids: the families of tokenizers that tokit trains, and the tokenizer files that it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.registry import Registry

if TYPE_CHECKING:
    from tokit.tokenizer.families.base import TokenizerFamily

FAMILIES: Registry[type[TokenizerFamily]] = Registry(
    "tokenizer family",
    {
        "word": "tokit.tokenizer.families.word:Word",
        "char": "tokit.tokenizer.families.char:Char",
        "byte": "tokit.tokenizer.families.byte:Byte",
        "bpe": "tokit.tokenizer.families.bpe:Bpe",
        "wordpiece": "tokit.tokenizer.families.wordpiece:WordPiece",
        "unigram": "tokit.tokenizer.families.unigram:Unigram",
        "spm": "tokit.tokenizer.families.spm:Spm",
    },
)
