"""Counts on disk; merging of counts.

The folder holds `words.bin` (UTF-8 of all distinct pre-tokens, sorted by bytes), `ends.npy` and `counts.npy` (int64).
Its manifest holds the text pipeline that they were counted with, the fingerprint of the corpus, and the `shortfall`: by
how much a count may be too low, and how often a missing pre-token may occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tokit.arrays import ByteArray, Counts, IntArray
from tokit.counts.limits import EXACT, Shortfall, at_least
from tokit.counts.word_table import add_up
from tokit.errors import ArtifactError
from tokit.storage.array_files import read_npy
from tokit.storage.data_manifests import CountsManifest
from tokit.storage.folder import read_manifest, writing
from tokit.storage.hub_names import hub_sources
from tokit.storage.manifests import CorpusFacts
from tokit.storage.stranger_files import open_regular
from tokit.text.pipeline import PipelineOptions, TextPipeline


@dataclass(frozen=True, slots=True)
class CountsArtifact:
    """Counts, the text pipeline that they were counted with, their corpus, and repositories of it on the Hub."""

    counts: Counts
    pipeline: TextPipeline
    corpus: CorpusFacts
    shortfall: Shortfall = EXACT
    sources: tuple[str, ...] = ()


def save_counts(artifact: CountsArtifact, target: str | Path, *, overwrite: bool = False) -> None:
    """Write counts as a folder."""
    with writing(target, overwrite=overwrite) as draft:
        (draft.path / "words.bin").write_bytes(artifact.counts.data.tobytes())
        np.save(draft.path / "ends.npy", artifact.counts.ends)
        np.save(draft.path / "counts.npy", artifact.counts.counts)
        draft.manifest = CountsManifest(
            pipeline=artifact.pipeline.as_dict(),
            corpus=artifact.corpus,
            words=len(artifact.counts),
            total=artifact.counts.total,
            shortfall=artifact.shortfall.as_record(),
            sources=artifact.sources,
        )


def load_counts(folder: str | Path) -> CountsArtifact:
    """Read a counts folder.

    Raises:
        ArtifactError: it is no counts folder, or its files do not fit each other.
    """
    manifest = read_manifest(folder, CountsManifest)
    path = Path(folder)
    try:
        # Kernels do not check the type: of another one they would read past the end of the array.
        ends, counts = (read_npy(path / name, ("int64",), (manifest.words,)) for name in ("ends.npy", "counts.npy"))
        with open_regular(path / "words.bin") as file:
            data = np.fromfile(file, dtype=np.uint8)
    except OSError as error:
        raise ArtifactError(f"{folder}: {error}", hint="count again") from error
    if not _are_words(data, ends):
        raise ArtifactError(f"{folder}: its files do not fit each other", hint="count again")
    if np.any(counts <= 0):
        raise ArtifactError(f"{folder}: counts.npy does not hold counts (above 0)", hint="count again")
    return CountsArtifact(
        Counts(data, ends, counts),
        TextPipeline.from_dict(manifest.pipeline, folder),
        manifest.corpus,
        Shortfall.from_record(manifest.shortfall),
        manifest.sources,
    )


def _are_words(data: ByteArray, ends: IntArray) -> bool:
    """True when `data` is UTF-8, each word of it is, and no byte is left after the last."""
    if (int(ends[-1]) if len(ends) else 0) != len(data):
        return False
    starts = ends[:-1]
    if np.any(np.diff(ends, prepend=0) <= 0) or np.any(data[starts] & 0xC0 == 0x80):
        return False
    try:
        data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def load_merged(paths: Sequence[str | Path], options: PipelineOptions | None = None) -> CountsArtifact:
    """Load counts and add them up.

    Args:
        paths: Folders of counts.
        options: Parts of the text pipeline that the user named, to check against that of the counts.

    Raises:
        ArtifactError: counts of different text pipelines, or of another than named.
    """
    names = [str(path) for path in paths]
    merged = merge_counts([load_counts(path) for path in paths], names)
    if options is not None:
        require_same_pipeline(options.over(merged.pipeline), merged.pipeline, "the command line", names[0])
    return merged


def merge_counts(artifacts: Sequence[CountsArtifact], names: Sequence[str]) -> CountsArtifact:
    """Add counts up; the result is that of one pass over all the corpora.

    Raises:
        ArtifactError: they were counted with different text pipelines.
    """
    first = artifacts[0]
    corpus, shortfall = CorpusFacts(f"{0:032x}", 0, 0), first.shortfall
    for artifact, name in zip(artifacts, names, strict=True):
        require_same_pipeline(first.pipeline, artifact.pipeline, names[0], name)
        corpus += artifact.corpus
    for artifact in artifacts[1:]:
        shortfall += artifact.shortfall
    counts = add_up([artifact.counts for artifact in artifacts])
    sources = hub_sources(*(source for artifact in artifacts for source in artifact.sources))
    return CountsArtifact(counts, first.pipeline, corpus, shortfall, sources)


def without_rare(artifact: CountsArtifact, min_frequency: int) -> CountsArtifact:
    """Leave out words that were counted less often than `min_frequency`."""
    counts, shortfall = artifact.counts, artifact.shortfall
    if min_frequency <= 1:
        return artifact
    return replace(artifact, counts=at_least(counts, min_frequency), shortfall=shortfall.beyond(min_frequency))


def require_same_pipeline(one: TextPipeline, other: TextPipeline, name: str, other_name: str) -> None:
    """Refuse to mix counts of different text pipelines.

    Raises:
        ArtifactError: a part of the pipeline differs; the message names it.
    """
    other_parts = dict(other.as_dict())
    for part, value in one.as_dict().items():
        differing = other_parts[part]
        if value != differing:
            raise ArtifactError(
                f"{name} has {part} {value!r}, {other_name} has {differing!r}",
                hint="count again with the same --normalizer, --pre-tokenizer and --digits",
            )
