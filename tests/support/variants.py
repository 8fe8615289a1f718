"""Every registered tokenizer family, alone and with settings that change how it works."""

from __future__ import annotations

from typing import Any

from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer import FAMILIES

# Name of the variant → arguments of `train_tokenizer`.
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
