"""`tokit verify`: whether an artifact is what its manifest says, down to its last byte and array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tokit.errors import ArtifactError, TokitError
from tokit.storage.folder import MANIFEST, changed_files, kind_of, read_json, read_manifest
from tokit.storage.hub_names import SMALL_FILES, local_path
from tokit.storage.model_card import CARD
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.load import load_tokenizer

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of verifying an artifact.

    Attributes:
        path: As given.
        kind: Of the artifact; "foreign tokenizer" for a tokenizer of another tool.
        files: Number of files whose sha256 is that of the manifest.
        unlisted: Files that the manifest does not name, the model card aside.
        faults: Empty for a healthy artifact.
    """

    path: str
    kind: str
    files: int
    unlisted: tuple[str, ...]
    faults: tuple[str, ...]


def verify_artifact(artifact: str | Path) -> Verification:
    """Compare every file with its hash, and every array and id with what the manifest says.

    Args:
        artifact: A folder of tokit, or a tokenizer of another tool, which is tried out.

    Raises:
        ArtifactError: it is neither, or its manifest cannot be read.
    """
    path = Path(local_path(artifact, SMALL_FILES))
    kind = kind_of(path)
    if kind is None:
        faults = tuple(tokenizer_faults(load_tokenizer(path)))
        return Verification(path=str(artifact), kind="foreign tokenizer", files=0, unlisted=(), faults=faults)
    names = set(read_manifest(path).files)
    there = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    return Verification(
        path=str(artifact),
        kind=kind,
        files=len(names),
        unlisted=tuple(sorted(there - names - {MANIFEST, CARD})),
        faults=tuple(artifact_faults(path, kind)),
    )


def artifact_faults(path: str | Path, kind: str) -> list[str]:
    """Faults of an artifact of tokit; empty for a healthy one."""
    changed = changed_files(path)
    if changed:
        return [f"{name} is missing or not as it was written" for name in changed]
    try:
        return list(CHECKS[kind](Path(path)))
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


def _check_tokenizer(path: Path) -> Iterator[str]:
    yield from tokenizer_faults(load_tokenizer(path))


def _check_counts(path: Path) -> Iterator[str]:
    from tokit.counts.counts_folder import load_counts

    load_counts(path)
    yield from ()


def _check_shards(path: Path) -> Iterator[str]:
    from tokit.ids.shards import open_shards

    shards = open_shards(path)
    size = shards.manifest.vocab_size
    own = load_tokenizer(path / "tokenizer")
    if own.sha256 != shards.manifest.tokenizer_sha256 or own.vocab_size != size:
        yield "the tokenizer in the folder is not the one that made the ids"
    for part, facts in shards.manifest.parts.items():
        shards.assistant(part)
        documents = 0
        for ids in shards.read(part):
            documents += len(ids)
            if len(ids.data) and int(ids.data.max()) >= size:
                yield f"part {part} holds an id outside the vocabulary of {size:,}"
        if documents != facts.documents:
            yield f"part {part} holds {documents:,} documents, the manifest says {facts.documents:,}"


def _check_embedding(path: Path) -> Iterator[str]:
    from tokit.embedding.embedding_folder import load_ngrams, load_output
    from tokit.embedding.words.word_space import open_space

    open_space(path)
    load_ngrams(path)
    load_output(path)
    yield from ()


def _check_language_model(path: Path) -> Iterator[str]:
    from tokit.storage.safetensors import not_finite_tensor

    manifest = read_manifest(path, LanguageModelManifest)
    yield from _check_model_tokenizer(path, manifest.vocab_size)
    for file in sorted(path.glob("*.safetensors")):
        name = not_finite_tensor(file)
        if name is not None:
            yield f"{file.name}: a weight of '{name}' is not finite"
    config = read_json(path / "config.json")
    size = config.get("vocab_size") if isinstance(config, dict) else None
    if not isinstance(size, int) or size < manifest.vocab_size:
        yield f"config.json has the vocabulary size {size}, the manifest {manifest.vocab_size:,}"


def _check_onnx(path: Path) -> Iterator[str]:
    yield from _check_model_tokenizer(path, read_manifest(path, OnnxManifest).vocab_size)


def _check_model_tokenizer(path: Path, size: int) -> Iterator[str]:
    tokenizer = load_tokenizer(path)
    if tokenizer.vocab_size > size:
        yield f"its tokenizer has {tokenizer.vocab_size:,} tokens, the model {size:,}"


CHECKS: dict[str, Callable[[Path], Iterator[str]]] = {
    "tokenizer": _check_tokenizer,
    "counts": _check_counts,
    "shards": _check_shards,
    "embedding": _check_embedding,
    "language-model": _check_language_model,
    "onnx-model": _check_onnx,
}
