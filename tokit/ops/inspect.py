"""`tokit inspect`: kind, origin and health of an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokit.errors import TokitError
from tokit.ops.foreign_kinds import foreign_kind
from tokit.ops.verify import artifact_faults, tokenizer_faults
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import MANIFEST, kind_of, read_json, read_manifest
from tokit.storage.hub_names import SMALL_FILES, local_path
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.sentencepiece import MODEL_FILE
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.tokenizer_folder import SPLIT_SPECIAL

# `Precompiled` of the `tokenizers` library drops marks that SentencePiece keeps.
OTHER_MARKS = (
    "other ids from tokenizer.model where a combining mark follows a character that nfkc changes: tokit and"
    " transformers lose the mark, SentencePiece keeps it; without --normalizer both agree"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """Content of a path.

    Attributes:
        path: As given.
        kind: "tokenizer", "counts", "shards", "embedding", "foreign tokenizer", or one of
            `foreign_kinds`.
        facts: Name → value, for people and programs.
        faults: Filled when a check was asked for.
    """

    path: str
    kind: str
    facts: dict[str, Any]
    faults: tuple[str, ...] = ()


def inspect_artifact(path: str | Path, *, check: bool = False) -> Inspection:
    """Look at an artifact of tokit or at a foreign tokenizer.

    Args:
        path: A folder or file.
        check: Also compare every file with the manifest's hash and try the artifact out.

    Raises:
        ArtifactError: it is neither.
    """
    named, path = path, local_path(path, SMALL_FILES)
    kind = kind_of(path)
    if kind is None:
        foreign = foreign_kind(Path(path))
        if foreign is not None:
            return Inspection(str(named), *foreign)
        tokenizer = load_tokenizer(path)
        facts = tokenizer_facts(tokenizer)
        if tokenizer.special_ids:
            facts["special_text"] = special_text(Path(path))
        faults = tuple(tokenizer_faults(tokenizer)) if check else ()
        return Inspection(str(named), "foreign tokenizer", facts, faults)
    manifest = read_manifest(path)
    facts = {name: value for name, value in manifest.as_json().items() if name not in ("kind", "files")}
    facts["files"] = file_sizes(Path(path), list(manifest.files))
    if isinstance(manifest, EmbeddingManifest):
        facts |= _resaved(Path(path), manifest)
    if kind == "tokenizer":
        facts["special_ids"] = _special_ids(Path(path))
        facts |= _sentencepiece_facts(Path(path))
    if kind in ("tokenizer", "language-model", "onnx-model"):
        facts["special_text"] = special_text(Path(path))
    return Inspection(str(path), kind, facts, tuple(artifact_faults(path, kind)) if check else ())


def _resaved(path: Path, manifest: EmbeddingManifest) -> dict[str, Any]:
    """The files of an embedding that another library has saved over, and the kind that they are now."""
    from tokit.embedding.embedding_folder import resaved_files

    changed = resaved_files(path, manifest)
    found = foreign_kind(path) if changed else None
    return {"changed": changed, "opened_as": found[0] if found else ""} if changed else {}


def file_sizes(folder: Path, names: list[str]) -> dict[str, int | None]:
    """Name → bytes of each file; None for one that is not there."""
    return {name: (folder / name).stat().st_size if (folder / name).is_file() else None for name in [*names, MANIFEST]}


def tokenizer_facts(tokenizer: Tokenizer) -> dict[str, Any]:
    """Facts about any tokenizer."""
    names = tokenizer.pieces.names
    return {
        "family": tokenizer.family,
        "origin": tokenizer.identity.origin,
        "vocab_size": tokenizer.vocab_size,
        "lossless": tokenizer.lossless,
        "lossy_because": tokenizer.identity.lossy_because,
        "special_tokens": {role: names[i] for role, i in tokenizer.special_ids.items()},
        "special_ids": tokenizer.special_ids,
        "chat_templates": list(tokenizer.chat_templates),
        "sha256": tokenizer.sha256,
    }


def _sentencepiece_facts(path: Path) -> dict[str, str]:
    """Agreement of tokenizer.json with the model of SentencePiece beside it."""
    if not (path / MODEL_FILE).is_file() or not (path / "tokenizer.json").is_file():
        return {}
    differs = read_json(path / "tokenizer.json").get("normalizer") is not None
    return {"sentencepiece": OTHER_MARKS if differs else "the same ids from tokenizer.model"}


def special_text(path: Path) -> str:
    """Explain what transformers makes of the text of a special token, with the settings of this folder."""
    if _splits_special(path / "tokenizer_config.json"):
        setting = f"{SPLIT_SPECIAL} in tokenizer_config.json"
        return (
            f"text in transformers, also in pipelines, chat templates and trainers, by {setting}"
            f"; pass {SPLIT_SPECIAL}=False there"
        )
    return f"the token itself in transformers and other readers; for untrusted text pass {SPLIT_SPECIAL}=True there"


def _splits_special(settings: Path) -> bool:
    try:
        return settings.is_file() and bool(read_json(settings).get(SPLIT_SPECIAL))
    except TokitError:
        # Damage is what a check is for.
        return False


def _special_ids(path: Path) -> dict[str, int]:
    try:
        return load_tokenizer(path).special_ids
    except TokitError:
        return {}
