"""Tiny models of transformers at random, in folders with a tokenizer of ours: nothing has to be trained for them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

VOCAB, CONTEXT, PAD = 600, 48, 1
FAMILIES = ("bert", "llama", "modernbert")
COMMON = {
    "vocab_size": VOCAB, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24,
    # With matrices of the usual size all attention would be about alike, whatever is computed.
    "initializer_range": 0.5, "initializer_cutoff_factor": 3.0,
    "max_position_embeddings": CONTEXT, "pad_token_id": PAD, "bos_token_id": 2, "eos_token_id": 3,
}  # fmt: skip
# Two query heads share a key in llama; modernbert has layers of both kinds.
OWN: dict[str, dict[str, Any]] = {
    "bert": {"num_hidden_layers": 2, "cls_token_id": 2, "sep_token_id": 3},
    "llama": {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2},
    "modernbert": {
        "num_hidden_layers": 3, "local_attention": 6, "global_attn_every_n_layers": 2, "cls_token_id": 2,
        "sep_token_id": 3,
    },
}  # fmt: skip


def config_of(family: str, **changes: Any) -> Any:
    """The configuration of a tiny model."""
    import transformers

    kinds = {"bert": "BertConfig", "llama": "LlamaConfig", "modernbert": "ModernBertConfig"}
    return getattr(transformers, kinds[family])(**{**COMMON, **OWN[family], **changes})


def save_model(family: str, tokenizer: Path, folder: Path, **changes: Any) -> Path:
    """A folder as transformers writes it, and the tokenizer's files in it."""
    import torch
    from transformers import AutoModel

    torch.manual_seed(3)
    model = AutoModel.from_config(config_of(family, **changes))
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(tokenizer / name, folder / name)
    return folder
