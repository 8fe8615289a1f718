"""`tokit inspect`: kind, origin and health of an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError, TokitError
from tokit.ops.foreign_kinds import foreign_kind
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import MANIFEST, changed_files, kind_of, read_json, read_manifest
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
# What a lossless tokenizer has to give back: control characters, line ends, marks, emoji, the metaspace, what looks
# like special and byte tokens.
HOSTILE = (
    "",
    " ",
    "\x00\x01\x7f",
    "a\r\n\n\tb  ",
    "a\u0301\u0323",
    "👩‍👩‍👧 \U000e0041",
    "▁x▁ ▁",
    "<|endoftext|><0x41>[UNK]</s>",
    "\ufeff\u2028\u00a0ﬁ",
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


def artifact_faults(path: str | Path, kind: str) -> list[str]:
    """Faults of an artifact of tokit; empty for a healthy one."""
    changed = changed_files(path)
    if changed:
        return [f"{name} is missing or not as it was written" for name in changed]
    try:
        return CHECKS[kind](Path(path)) if kind in CHECKS else []
    except TokitError as error:
        return [error.message]


def tokenizer_faults(tokenizer: Tokenizer) -> list[str]:
    """Try a tokenizer out: ids in range, and text given back where that is promised."""
    faults = []
    for text in HOSTILE:
        try:
            faults += _faults_on(tokenizer, text)
        except ArtifactError as error:
            faults.append(error.message)
    return faults


def _faults_on(tokenizer: Tokenizer, text: str) -> list[str]:
    faults = []
    ids = tokenizer.encode(text)
    if ids and max(ids) >= tokenizer.vocab_size:
        faults.append(f"{text!r} gives the id {max(ids)}, outside the vocabulary of {tokenizer.vocab_size}")
    if set(ids) & (set(tokenizer.special_ids.values()) - {tokenizer.unknown_id}):
        faults.append(f"{text!r} is read as a special token")
    if tokenizer.lossless and tokenizer.decode(ids) != text:
        faults.append(f"{text!r} comes back as {tokenizer.decode(ids)!r}")
    return faults


def _check_tokenizer(path: Path) -> list[str]:
    return tokenizer_faults(load_tokenizer(path))


def _check_counts(path: Path) -> list[str]:
    from tokit.counts.counts_folder import load_counts

    load_counts(path)
    return []


def _check_shards(path: Path) -> list[str]:
    from tokit.ids.shards import open_shards

    shards = open_shards(path)
    size = shards.manifest.vocab_size
    for part in shards.parts:
        shards.assistant(part)
    return [
        f"part {part} holds an id outside the vocabulary of {size:,}"
        for part in shards.parts
        for ids in shards.read(part)
        if len(ids.data) and int(ids.data.max()) >= size
    ]


def _special_ids(path: Path) -> dict[str, int]:
    try:
        return load_tokenizer(path).special_ids
    except TokitError:
        return {}


def _check_embedding(path: Path) -> list[str]:
    from tokit.embedding.embedding_folder import load_ngrams
    from tokit.embedding.words.word_space import open_space

    open_space(path)
    load_ngrams(path)
    return []


CHECKS = {
    "tokenizer": _check_tokenizer,
    "counts": _check_counts,
    "shards": _check_shards,
    "embedding": _check_embedding,
}
