"""Vectors of an embedding folder replaced, as if it had been fitted so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tokit.arrays import FloatArray
from tokit.storage.folder import dump_json, sha256_file


def replace_vectors(folder: Path, vectors: FloatArray) -> None:
    """Write vectors, and their hash into the manifest: a folder that was changed is read as another library's."""
    save_file({"embeddings": np.ascontiguousarray(vectors, dtype=np.float32)}, folder / "model.safetensors")
    manifest = json.loads((folder / "tokit.json").read_bytes())
    manifest["files"]["model.safetensors"] = sha256_file(folder / "model.safetensors")
    dump_json(manifest, folder / "tokit.json")
