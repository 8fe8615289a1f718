"""`tokit reproduce`: make an artifact again by what its manifest says, and compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError, CorpusError
from tokit.registry import near_names
from tokit.storage.folder import MANIFEST, changed_files, check_target, read_manifest
from tokit.storage.manifests import Manifest, TokenizerManifest
from tokit.storage.recorded_request import RecordedRequest, recorded_as

COMMANDS = ("train", "count", "encode", "fit", "distill", "finetune")
# Options of the place that is written, which no manifest has a say in.
OF_THE_PLACE = ("out", "overwrite", "config", "resume", "checkpoint-every", "license")
# Options that name text, so that none has to be named beside them.
NAMING_TEXT = ("files-from", "counts")
# Entries of a manifest that say what an artifact was made of → how to say that they differ.
INPUTS = {
    "corpus": "the text is another one",
    "tokenizer_sha256": "the tokenizer is another one",
    "warm_start": "the model that it is initialized from is another one",
    "distilled": "the model is another one",
    "precision": "this processor computes in another precision; pass --precision when you train",
    "sources": "a repository on the Hub has changed",
}
Run = Callable[[RecordedRequest], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Result of making an artifact again.

    Attributes:
        path: The artifact that was made.
        kind: Of both.
        files: Number of files that were compared, the manifest included.
        differing: Names of those that are not the same, byte for byte.
        causes: Why they differ, as far as the manifests tell.
    """

    path: str
    kind: str
    files: int
    differing: tuple[str, ...]
    causes: tuple[str, ...]


def reproduce(
    artifact: str | Path, out: str | Path, run: Run, *, corpus: Sequence[str] = (), overwrite: bool = False
) -> Reproduction:
    """Make an artifact again from its manifest, and compare all files but the model card, which is there to be edited.

    Args:
        artifact: A folder that a command of tokit made of text.
        out: The folder to write.
        run: Runs a request, with its result at `out`.
        corpus: Names of the text, in place of those in the manifest.
        overwrite: Replace an existing artifact.

    Raises:
        ArtifactError: the artifact is changed, or does not say how it was made.
        CorpusError: its text is not there.
    """
    check_target(out, overwrite=overwrite)
    manifest = read_manifest(artifact)
    request = _request_of(manifest, artifact)
    changed = changed_files(artifact)
    if changed:
        raise ArtifactError(f"{artifact}: {changed[0]} is not as it was written", hint=f"tokit verify {artifact}")
    again = _to_run(request, manifest, corpus)
    _require_text(again, artifact)
    with recorded_as(request):
        run(again)
    result = read_manifest(out)
    differing = tuple(_differing(Path(artifact), Path(out), manifest, result))
    return Reproduction(
        path=str(out),
        kind=manifest.kind,
        files=len({*manifest.files, *result.files}) + 1,
        differing=differing,
        causes=tuple(_causes(manifest, result)) if differing else (),
    )


def _request_of(manifest: Manifest, artifact: str | Path) -> RecordedRequest:
    """The request in a manifest.

    Raises:
        ArtifactError: there is none, or it is of a command that makes no artifact of text.
    """
    request = manifest.request
    if request is None:
        raise ArtifactError(
            f"{artifact}: its manifest does not say which command made it",
            hint=f"reproducible is what this version's {', '.join(COMMANDS)} write; not what Python, an earlier version"
            " or a conversion wrote",
        )
    if request.command[:1] not in [(name,) for name in COMMANDS] or any(word[:1] == "-" for word in request.command):
        raise ArtifactError(f"{artifact}: its entry 'request' names no command that makes one", hint="is it damaged?")
    return request


def _to_run(request: RecordedRequest, manifest: Manifest, corpus: Sequence[str]) -> RecordedRequest:
    """A request with other text, and with what an entry of the manifest says more exactly."""
    options = {name: value for name, value in request.options.items() if name not in OF_THE_PLACE}
    if corpus:
        options.pop("files-from", None)
    if isinstance(manifest, TokenizerManifest) and "vocab-size" in options:
        # Of several sizes this is one.
        options["vocab-size"] = str(manifest.requested_vocab_size)
    threads = _threads(manifest)
    if threads is not None:
        options["threads"] = str(threads)
    return RecordedRequest(request.command, tuple(corpus) or request.corpus, options)


def _threads(manifest: Manifest) -> int | None:
    """Number of threads that the bytes of an artifact depend on."""
    found: int | None = getattr(getattr(manifest, "fit", manifest), "threads", None)
    return found


def _require_text(request: RecordedRequest, artifact: str | Path) -> None:
    """Refuse text that cannot be there, before anything is done.

    Raises:
        CorpusError: it was standard input, or a file is missing.
    """
    hint = f"tokit reproduce {artifact} -c CORPUS names it"
    named = request.corpus or [name for name in NAMING_TEXT if name in request.options]
    if "-" in request.corpus or (not named and request.command[0] != "distill"):
        raise CorpusError(f"{artifact} was made of standard input, which is gone", hint=hint)
    for name in request.corpus:
        is_path = not name.startswith("@") and not any(mark in name for mark in "*?[")
        if is_path and not Path(name).exists():
            raise CorpusError(f"{artifact} was made of {name}, which is not here", hint=f"{hint}; {near_names(name)}")


def _differing(one: Path, other: Path, old: Manifest, new: Manifest) -> Iterator[str]:
    names = sorted({*old.files, *new.files})
    yield from (name for name in names if old.files.get(name) != new.files.get(name))
    if (one / MANIFEST).read_bytes() != (other / MANIFEST).read_bytes():
        yield MANIFEST


def _causes(old: Manifest, new: Manifest) -> Iterator[str]:
    """Why an artifact is not the same, the likeliest reason first."""
    for name, cause in INPUTS.items():
        if getattr(old, name, None) != getattr(new, name, None):
            yield cause
    for name in sorted({*old.versions, *new.versions}):
        before, now = old.versions.get(name, "none"), new.versions.get(name, "none")
        if before != now:
            yield f"{name} is {now} here, and was {before}"
    facts: dict[str, Any] = dataclasses.asdict(old)
    if not facts.get("reproducible", True):
        yield facts.get("not_reproducible_because") or "it is not the same twice with these settings"
    elif (facts.get("pretraining") or {}).get("minutes"):
        yield "--minutes measures the speed of the machine; --max-steps does not"
