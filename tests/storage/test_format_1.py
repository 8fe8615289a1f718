"""Artifacts of format version 1, as they were written before manifests had a dataclass each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokit.storage.folder import MANIFEST, dump_json, read_manifest
from tokit.storage.manifests import CountsManifest, TokenizerManifest

CORPUS = {"fingerprint": "0" * 32, "documents": 2, "bytes": 30}
RULES = {"normalizers": ["nfc"], "pre_tokenizer": "gpt2", "digits": "keep"}
SEALED: dict[str, Any] = {"format_version": 1, "versions": {"tokit": "0.1.0"}, "files": {"a": "0" * 64}}


def test_tokenizer(tmp_path: Path) -> None:
    entries = {
        "kind": "tokenizer",
        "family": "bpe",
        "vocab_size": 300,
        "requested_vocab_size": None,
        "lossless": True,
        "lossy_because": "",
        "special_tokens": {"pad": "<|pad|>"},
        "template": "none",
        "rules": RULES,
        "params": {"min_frequency": 2},
        "seed": 0,
        "reproducible": True,
        "corpus": CORPUS,
        **SEALED,
    }
    dump_json(entries, tmp_path / MANIFEST)
    manifest = read_manifest(tmp_path, TokenizerManifest)
    assert manifest.pipeline == RULES
    assert (manifest.special_ids, manifest.not_reproducible_because, manifest.shortfall) == (None, "", None)
    assert (manifest.corpus.documents, manifest.files) == (2, SEALED["files"])


def test_counts(tmp_path: Path) -> None:
    entries = {"kind": "counts", "rules": RULES, "corpus": CORPUS, "words": 3, "total": 6, **SEALED}
    dump_json(entries, tmp_path / MANIFEST)
    assert read_manifest(tmp_path, CountsManifest).pipeline == RULES
    dump_json({**entries, "shortfall": {"listed": 4, "missing": 5}}, tmp_path / MANIFEST)
    assert read_manifest(tmp_path, CountsManifest).shortfall == {"listed": 4, "missing": 5}
