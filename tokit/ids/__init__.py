"""Token ids on disk: shards that training loops read."""

from tokit.ids.writer import ShardWriter
from tokit.registry import Registry

FORMATS: Registry[type[ShardWriter]] = Registry(
    "shard format",
    {
        "bin": "tokit.ids.flat:BinWriter",
        "npy": "tokit.ids.flat:NpyWriter",
        "parquet": "tokit.ids.parquet:ParquetWriter",
    },
)
