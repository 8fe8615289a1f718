"""Token ids on disk: shards, which training loops read, and the stream of ids of one training.

A new shard format is one file with a `ShardWriter` in it and one line in `FORMATS`; copy `parquet.py`.
"""

from tokit.ids.writer import ShardWriter
from tokit.registry import Registry

FORMATS: Registry[type[ShardWriter]] = Registry(
    "shard format",
    {
        "bin": "tokit.ids.bin_npy:BinWriter",
        "npy": "tokit.ids.bin_npy:NpyWriter",
        "parquet": "tokit.ids.parquet:ParquetWriter",
    },
)
