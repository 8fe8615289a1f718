"""Every registered tokenizer family, and the settings that change how one works."""

from __future__ import annotations

from typing import Any

from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer import FAMILIES

# Every registered family, and those settings that change how one works.
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"family": name} for name in FAMILIES},
    "word-bytes": {"family": "word", "settings": {"unknown": "bytes"}},
    "unigram-metaspace": {"family": "unigram", "pipeline": PipelineOptions(pre_tokenizer="metaspace")},
    "unigram-chars": {"family": "unigram", "settings": {"alphabet": "chars"}},
    "spm-unigram": {"family": "spm", "settings": {"model_type": "unigram"}},
    "char-unknown": {"family": "char", "settings": {"byte_fallback": False}},
    "bpe-lowercase": {"family": "bpe", "pipeline": PipelineOptions(normalizers=("lowercase",), pre_tokenizer="llama3")},
}
SIZES = {"byte": None, "char": None, "bpe": 600, "word": 400}
