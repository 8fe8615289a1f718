"""Text ↔ ids: the families that tokit trains, and the foreign files that it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.registry import Registry

if TYPE_CHECKING:
    from tokit.tokenizer.family import Family

FAMILIES: Registry[type[Family]] = Registry(
    "tokenizer family",
    {
        "word": "tokit.tokenizer.word:Word",
        "char": "tokit.tokenizer.char:Char",
        "byte": "tokit.tokenizer.byte:Byte",
        "bpe": "tokit.tokenizer.bpe:Bpe",
        "wordpiece": "tokit.tokenizer.wordpiece:WordPiece",
        "unigram": "tokit.tokenizer.unigram:Unigram",
        "spm": "tokit.tokenizer.spm:Spm",
    },
)
