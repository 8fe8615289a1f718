"""Manifests of format version 1 (tokit 0.1 before its release), in the entries of version 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Entries = dict[str, Any]

KINDS = {"contextual": "language-model", "onnx": "onnx-model"}
# Old name → new name of a parameter.
WORD2VEC_PARAMS = {
    "negatives": "negative",
    "subsample": "sample",
    "alpha": "learning_rate",
    "min_alpha": "min_learning_rate",
}
NGRAM_PARAMS = {"min_n": "minn", "max_n": "maxn", "buckets": "bucket"}
EMBEDDING_PARAMS = {
    "skipgram": WORD2VEC_PARAMS,
    "cbow": WORD2VEC_PARAMS,
    "fasttext": {**WORD2VEC_PARAMS, **NGRAM_PARAMS},
    "glove": {"eta": "learning_rate"},
    "svd": {"subsample": "sample"},
    "import": NGRAM_PARAMS,
}
MODEL_PARAMS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "context": "context_length",
    "batch": "batch_size",
    "steps": "max_steps",
    "warmup": "warmup_steps",
    "clip": "max_grad_norm",
    "causal_share": "causal_fraction",
    "mask_rate": "mlm_probability",
    "mask_rate_end": "mlm_probability_end",
    "whole_word": "whole_word_mask",
    "validation": "validation_fraction",
    "local": "local_attention",
    "global_every": "global_attn_every_n_layers",
}


def from_format_1(entries: Entries) -> Entries:
    """Entries of a manifest of version 1 as version 2 has them.

    Raises:
        KeyError: an entry is missing.
        TypeError, AttributeError: one is of another type.
    """
    kind = str(entries["kind"])
    rewrite = REWRITE.get(kind)
    return {**(entries if rewrite is None else rewrite(entries)), "kind": KINDS.get(kind, kind)}


def _words(entries: Entries) -> Entries:
    return _renamed(entries, {"rules": "pipeline"})


def _embedding(entries: Entries) -> Entries:
    family = entries["family"]
    params = _renamed(entries["params"], EMBEDDING_PARAMS.get(family, {}))
    entries = {**entries, "params": params, "family": "distill" if family == "distil" else family}
    if "from" in entries:
        entries["warm_start"] = _warm_start(entries["from"], "embedding")
    if "losses" in entries:
        entries["fit"] = _taken(entries, ("tokens", "losses", "seed", "threads", "deterministic", "engine"))
    if family == "import":
        entries["imported"] = {
            **_renamed(
                _taken(params, ("format", "rules", "source", "word_list")), {"rules": "pipeline", "source": "file"}
            ),
            "ngram_rows": entries["ngram_rows"],
            "words": _renamed(_taken(entries, ("duplicates", "unusable", "spaced", "cut")), {"cut": "unreachable"}),
        }
    if family == "distil":
        model = {"family": None, "tokenizer_sha256": None, "corpus": None, "sha256": None, **entries["model"]}
        entries["distilled"] = {**_renamed(model, {"sha256": "weights_sha256"}), "explained": entries["explained"]}
    return entries


def _language_model(entries: Entries) -> Entries:
    entries = _renamed(entries, {"context": "context_length", "special_tokens": "special_ids"})
    entries["params"] = _renamed(entries["params"], MODEL_PARAMS)
    for name, source in (("from", "checkpoint"), ("init_embeddings", "embedding")):
        if name in entries:
            entries["warm_start"] = _warm_start(entries[name], source)
    if "evaluations" in entries:
        names = {
            "held_out_loss": "loss",
            "bits_per_byte": "bits_per_byte",
            "pseudo_bits_per_byte": "pseudo_bits_per_byte",
        }
        held_out = {**entries["held_out"], **_renamed(_taken(entries, tuple(names)), names)}
        shape = _renamed(entries["shape"], MODEL_PARAMS)
        facts = _taken(entries, ("size", "sentence", "minutes", "stopped_early", "evaluations"))
        entries["pretraining"] = {**facts, "shape": shape, "held_out": held_out}
    return entries


def _onnx_model(entries: Entries) -> Entries:
    return _renamed(entries, {"context": "context_length"})


def _warm_start(facts: Entries, source: str) -> Entries:
    resized = facts.get("columns", "").replace("as they are", "")
    return {**_renamed(facts, {"given": "initialized", "fresh": "missing"}), "source": source, "resized": resized}


def _renamed(entries: Entries, names: dict[str, str]) -> Entries:
    return {names.get(name, name): value for name, value in entries.items()}


def _taken(entries: Entries, names: Sequence[str]) -> Entries:
    return {name: entries[name] for name in names if name in entries}


REWRITE: dict[str, Callable[[Entries], Entries]] = {
    "tokenizer": _words,
    "counts": _words,
    "embedding": _embedding,
    "contextual": _language_model,
    "onnx": _onnx_model,
}
