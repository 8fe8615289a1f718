"""Token ids on disk: shards, which training loops read, and the stream of ids of one training.

A new shard format is one file with a `ShardWriter` in it and one line in `FORMATS`; copy `parquet.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.registry import Registry

if TYPE_CHECKING:
    from tokit.ids.writer import ShardWriter

# The folder inside shards that holds the tokenizer they were made with.
SHARDS_TOKENIZER = "tokenizer"
FORMATS: Registry[type[ShardWriter]] = Registry(
    "shard format",
    {
        "bin": "tokit.ids.bin_npy:BinWriter",
        "npy": "tokit.ids.bin_npy:NpyWriter",
        "parquet": "tokit.ids.parquet:ParquetWriter",
    },
)
