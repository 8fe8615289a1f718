"""The model card of a folder: a README.md whose front matter the Hugging Face Hub reads.

https://huggingface.co/docs/hub/model-cards. All of it comes from the manifest, but for the license and the command,
which are the user's. It is not sealed by the manifest: a card is there to be edited.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

CARD = "README.md"
# Kinds of artifacts that go to a hub.
KINDS = ("tokenizer", "embedding", "language-model", "onnx-model")
# Objective of each family's pre-training, in the Hub's words.
PIPELINES = {"bert": "fill-mask", "modernbert": "fill-mask", "llama": "text-generation"}
TASK_PIPELINES = {"tokens": "token-classification"}
TASK_METRICS = {"classify": ["accuracy", "f1"], "tokens": ["accuracy", "f1"], "pairs": ["accuracy", "f1"]}
TOKENIZER_USE = 'from transformers import AutoTokenizer\n\ntokenizer = AutoTokenizer.from_pretrained("…")'
EMBED_USE = 'echo "some text" | tokit embed -e …'
SENTENCE_USE = """\
from sentence_transformers import SentenceTransformer

vectors = SentenceTransformer("…").encode(["some text"])"""
PIPELINE_USE = 'from transformers import pipeline\n\npipe = pipeline("{}", "…")'
LSTM_NOTE = """\
Opens in tokit. It is no class of transformers: `AutoModel` and `SentenceTransformer` do not open it.
"""
LSTM_WAYS = """\
`tokit distill` makes a static embedding of it that they open, `tokit export --to onnx` a model for ONNX Runtime.
"""
NO_LICENSE = "No license was given: add a `license:` to the front matter, or make the folder again with `--license`."


@dataclass(frozen=True, slots=True)
class CardSettings:
    """Facts of a card that the manifest does not have.

    Attributes:
        command: The command that made the folder; empty where it was made in Python.
        license: Identifier of the Hub.
        languages: ISO 639 codes of the text.
    """

    command: str = ""
    license: str | None = None
    languages: tuple[str, ...] = field(default=())


_SETTINGS: ContextVar[CardSettings] = ContextVar("card settings", default=CardSettings())  # noqa: B039 - frozen


@contextmanager
def card_settings(settings: CardSettings) -> Iterator[None]:
    """Settings of the cards that are written meanwhile."""
    token = _SETTINGS.set(settings)
    try:
        yield
    finally:
        _SETTINGS.reset(token)


def current_settings() -> CardSettings:
    """Settings of the cards that are written now."""
    return _SETTINGS.get()


def model_card(manifest: Mapping[str, Any], settings: CardSettings | None = None) -> str:
    """The card of an artifact.

    Args:
        manifest: Entries of its tokit.json.
        settings: None takes the current ones.
    """
    settings = settings or current_settings()
    parts = [
        _front_matter(_metadata(manifest, settings)),
        f"# {_title(manifest)}\n",
        _usage(manifest),
        _table("Facts", _facts(manifest)),
        _table("Metrics", _metrics(manifest)),
        _origin(settings),
    ]
    return "\n".join(part for part in parts if part)


def _metadata(manifest: Mapping[str, Any], settings: CardSettings) -> dict[str, Any]:
    library, pipeline = _library(manifest), _pipeline(manifest)
    kind = "static-embeddings" if manifest["kind"] == "embedding" else str(manifest["kind"])
    tags = ["tokit", kind, *([str(manifest["family"])] if manifest.get("family") else [])]
    if library == "sentence-transformers":
        tags += ["sentence-transformers", "model2vec"] if kind == "static-embeddings" else ["sentence-transformers"]
    task = manifest.get("task") or {}
    return {
        **({"license": settings.license} if settings.license else {}),
        **({"language": list(settings.languages)} if settings.languages else {}),
        "library_name": library,
        **({"pipeline_tag": pipeline} if pipeline else {}),
        "tags": tags,
        **({"metrics": _task_metrics(task)} if task else {}),
    }


def _library(manifest: Mapping[str, Any]) -> str:
    kind = manifest["kind"]
    if kind == "embedding":
        return "sentence-transformers"
    if kind == "onnx-model":
        return "onnx"
    if kind == "language-model":
        if manifest["family"] == "lstm":
            return "tokit"
        if (manifest.get("pretraining") or {}).get("sentence"):
            return "sentence-transformers"
    return "transformers"


def _pipeline(manifest: Mapping[str, Any]) -> str | None:
    if manifest["kind"] == "tokenizer":
        return None
    if manifest["kind"] != "language-model":
        return "feature-extraction"
    task = manifest.get("task")
    if task:
        return TASK_PIPELINES.get(task["name"], "text-classification")
    if (manifest.get("pretraining") or {}).get("sentence"):
        return "sentence-similarity"
    return PIPELINES.get(manifest["family"], "feature-extraction")


def _task_metrics(task: Mapping[str, Any]) -> list[str]:
    return TASK_METRICS[task["name"]] if task.get("labels") else ["pearsonr", "spearmanr"]


def _front_matter(entries: Mapping[str, Any]) -> str:
    # JSON is YAML, so that no value can be taken for something else.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in entries.items()]
    return "\n".join(["---", *lines, "---\n"])


def _title(manifest: Mapping[str, Any]) -> str:
    nouns = {"tokenizer": "tokenizer", "embedding": "static embedding", "onnx-model": "model in ONNX"}
    noun = nouns.get(str(manifest["kind"]), "language model")
    task = manifest.get("task")
    return f"{manifest.get('family') or 'tokit'}: {noun}{_for_task(task) if task else ''}"


def _for_task(task: Mapping[str, Any]) -> str:
    return {"classify": " for classes of texts", "tokens": " for tags of tokens"}.get(
        str(task["name"]), " for pairs of texts"
    )


def _usage(manifest: Mapping[str, Any]) -> str:
    kind, library = manifest["kind"], _library(manifest)
    if kind == "tokenizer":
        return _code("python", TOKENIZER_USE)
    if kind == "onnx-model":
        return f"Opens in ONNX Runtime, and in tokit:\n\n{_code('sh', EMBED_USE)}"
    if library == "tokit":
        return f"{LSTM_NOTE}\n{_code('sh', EMBED_USE)}\n{LSTM_WAYS}"
    if library == "sentence-transformers":
        return _code("python", SENTENCE_USE)
    return _code("python", PIPELINE_USE.format(_pipeline(manifest)))


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "vocab_size": "vocabulary", "dim": "dimensions", "context_length": "context length, in tokens",
        "tokenizer_family": "tokenizer", "steps": "training steps", "seed": "seed", "lossless": "lossless",
    }  # fmt: skip
    facts = {label: manifest[name] for name, label in names.items() if manifest.get(name) is not None}
    corpus = manifest.get("corpus")
    if corpus:
        facts |= {"documents of the text": corpus["documents"], "bytes of the text": corpus["bytes"]}
    return facts


def _metrics(manifest: Mapping[str, Any]) -> dict[str, Any]:
    task, pretraining = manifest.get("task") or {}, manifest.get("pretraining") or {}
    scores = {name.replace("_", " "): value for name, value in (task.get("scores") or {}).items()}
    measured = pretraining.get("held_out") or {}
    names = {"loss": "loss", "bits_per_byte": "bits per byte", "pseudo_bits_per_byte": "pseudo bits per byte"}
    scores |= {label: measured.get(name) for name, label in names.items()}
    found = {name: value for name, value in scores.items() if value is not None}
    count = task.get("held_out") if task else measured.get("documents")
    return {**found, "held-out examples" if task else "held-out documents": count} if found else {}


def _table(title: str, entries: Mapping[str, Any]) -> str:
    if not entries:
        return ""
    rows = [f"| {name} | {_shown(value)} |" for name, value in entries.items()]
    return "\n".join([f"## {title}\n", "| | |", "|---|---|", *rows]) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _origin(settings: CardSettings) -> str:
    origin = f"Made by:\n\n{_code('sh', settings.command)}\n" if settings.command else ""
    rest = "`tokit.json` has every parameter, the fingerprint of the text, and the versions of the libraries.\n"
    return f"## Origin\n\n{origin}{rest}" + ("" if settings.license else f"\n{NO_LICENSE}\n")
