"""Token ids on disk: shards that training loops read."""

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
