"""Names of repositories on the Hugging Face Hub, told from paths without a look at the network.

A path that exists always wins, and so does one whose first folder exists: a mistyped path is not sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.errors import UsageError

SCHEME = "hf://"
DATASETS = "datasets/"
SNAPSHOTS = "snapshots"
_CACHED = re.compile(r"(models|datasets)--(.+)")
_WORD = re.compile(r"[A-Za-z0-9][\w.-]*")
# Names of one word are repositories only if they are in this list or have a revision: "tok" is a forgotten folder.
CANONICAL = {
    "albert-base-v1", "albert-base-v2", "bert-base-cased", "bert-base-chinese", "bert-base-german-cased",
    "bert-base-multilingual-cased", "bert-base-multilingual-uncased", "bert-base-uncased", "bert-large-cased",
    "bert-large-uncased", "camembert-base", "distilbert-base-cased", "distilbert-base-multilingual-cased",
    "distilbert-base-uncased", "distilgpt2", "distilroberta-base", "gpt2", "gpt2-large", "gpt2-medium", "gpt2-xl",
    "openai-gpt", "roberta-base", "roberta-large", "t5-base", "t5-large", "t5-small", "xlm-roberta-base",
    "xlm-roberta-large", "xlnet-base-cased",
}  # fmt: skip
# Endings of files: "data/words.json" is a path, "Qwen/Qwen2.5" is not.
FILE_ENDINGS = (
    ".json", ".jsonl", ".txt", ".model", ".tiktoken", ".gguf", ".bin", ".vec", ".npy", ".gz", ".zip", ".zst", ".bz2",
    ".xz", ".parquet", ".arrow", ".csv", ".tsv", ".safetensors", ".onnx", ".pkl", ".kv", ".md", ".toml",
)  # fmt: skip


# Files that open a language model or an embedding; weights in pickles are never fetched.
SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "tokenizer/*", "[0-9]_*/*.json")
MODEL_FILES = (*SMALL_FILES, "*.safetensors", "*.npy", "[0-9]_*/*.safetensors")


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository on the Hub, or files of it.

    Attributes:
        repo: "ORG/NAME", or one of the old names without an organization.
        revision: Branch, tag or commit; None for the default branch.
        dataset: True for a dataset, False for a model.
        path: Path or pattern of files within it; empty for the repository.
    """

    repo: str
    revision: str | None = None
    dataset: bool = False
    path: str = ""

    def __str__(self) -> str:
        kind = DATASETS if self.dataset else ""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{SCHEME}{kind}{self.repo}{revision}{'/' if self.path else ''}{self.path}"


def hub_name(name: str | Path) -> HubName | None:
    """The repository that a name means; None for a path.

    `ORG/NAME`, `ORG/NAME@REVISION` and the Hub's old names of one word (`gpt2`) mean a model, and `hf://` in front
    of them says so in any case.

    Raises:
        UsageError: the name starts with `hf://`, and is not of this form.
    """
    text = str(name)
    # A Path has one of the slashes only.
    if text.startswith("hf:/"):
        return parse_uri(text)
    if Path(text).exists():
        return None
    base, at, revision = text.partition("@")
    if not _is_repository(base, revised=bool(at)) or (at and not revision):
        return None
    return HubName(base, revision or None)


def local_path(name: str | Path, patterns: Sequence[str] = MODEL_FILES) -> Path:
    """The folder of an embedding or a model: a path as it is, or the cached snapshot of a repository on the Hub.

    Args:
        name: A path, or the name of a model on the Hub.
        patterns: Files that are needed of a repository.

    Raises:
        UsageError: the name starts with `hf://`, and is not of a repository.
        ArtifactError: the repository, its revision or files cannot be had.
    """
    named = hub_name(name)
    if named is None:
        return Path(name)
    if named.dataset:
        raise UsageError(f"{named} is a dataset, not a model", hint="hf://ORG/NAME names a model")
    # Most of what is opened lies on this disk, and huggingface_hub takes long to import.
    from tokit.storage.hub import snapshot

    return snapshot(named, patterns) / named.path


def origin_of(path: str | Path) -> str:
    """Name with the commit of what lies in the cache of the Hub, `hf://ORG/NAME@COMMIT`; "" for any other path."""
    parts = Path(path).parts
    if SNAPSHOTS not in parts:
        return ""
    at = len(parts) - 1 - parts[::-1].index(SNAPSHOTS)
    cached = _CACHED.fullmatch(parts[at - 1]) if at else None
    if cached is None or at + 1 >= len(parts):
        return ""
    return str(HubName(cached[2].replace("--", "/", 1), parts[at + 1], dataset=cached[1] == "datasets"))


def hub_sources(*origins: str) -> tuple[str, ...]:
    """Origins on the Hub for a manifest: each once, in their order, and none of local paths."""
    return tuple(dict.fromkeys(origin for origin in origins if origin))


def is_repository_name(name: str) -> bool:
    """True for "ORG/NAME"."""
    words = name.split("/")
    return len(words) == 2 and all(_WORD.fullmatch(word) for word in words)


def _is_repository(base: str, *, revised: bool) -> bool:
    words = base.split("/")
    if not all(_WORD.fullmatch(word) for word in words) or base.lower().endswith(FILE_ENDINGS):
        return False
    if len(words) == 1:
        return revised or base in CANONICAL
    return len(words) == 2 and not Path(words[0]).exists()


def parse_uri(text: str) -> HubName:
    """The repository and path of a URI: `hf://ORG/NAME@REVISION/PATH`, `hf://datasets/ORG/NAME@REVISION/PATH`.

    Raises:
        UsageError: it is not of this form.
    """
    rest = text.removeprefix("hf:").lstrip("/")
    dataset = rest.startswith(DATASETS)
    parts = rest.removeprefix(DATASETS).removeprefix("models/").split("/")
    repo_length = 1 if not dataset and (len(parts) == 1 or "@" in parts[0]) else 2
    repo, at, revision = "/".join(parts[:repo_length]).partition("@")
    path = "/".join(parts[repo_length:])
    words = repo.split("/")
    if not all(_WORD.fullmatch(word) for word in words) or len(words) != repo_length or (at and not revision):
        raise UsageError(
            f"{text}: not a name on the Hub", hint="hf://ORG/NAME@REVISION, or hf://datasets/ORG/NAME/FILE"
        )
    return HubName(repo, revision or None, dataset, path)
