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


def save_head(
    family: str,
    head: str,
    labels: list[str],
    tokenizer: Path,
    folder: Path,
    *,
    template: bool = True,
    typed: bool = False,
    **changes: Any,
) -> Path:
    """A folder with a head at random, as transformers writes it, and a tokenizer with the family's template.

    Args:
        family: One of `FAMILIES`.
        head: "SequenceClassification" or "TokenClassification".
        labels: Name of each output.
        tokenizer: A tokenizer folder.
        folder: The folder to write.
        template: Whether documents get special tokens.
        typed: Whether the tokenizer gives token type ids.
        changes: Of the configuration.
    """
    import torch
    import transformers

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
    from tokit.tokenizer.load import load_tokenizer
    from tokit.tokenizer.special_copies import with_template

    source = load_tokenizer(tokenizer)
    assert isinstance(source, LibraryTokenizer)
    if template:
        source, _ = with_template(source, ("pad", "cls", "sep", "mask"), "bert")
    names: dict[str, Any] = {f"{role}_token": f"<|{role}|>" for role in ("pad", "cls", "sep", "mask")}
    if typed:
        names["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=source.library, model_max_length=CONTEXT, unk_token=source.special_texts().get("unk"), **names
    )
    torch.manual_seed(3)
    config = config_of(family, vocab_size=len(fast), num_labels=len(labels), **changes)
    config.id2label, config.label2id = dict(enumerate(labels)), {name: i for i, name in enumerate(labels)}
    getattr(transformers, f"AutoModelFor{head}").from_config(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
