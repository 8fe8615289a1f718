"""`tokit push`: an artifact as a repository on the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokit.errors import ArtifactError, UsageError
from tokit.storage.folder import MANIFEST, changed_files, read_manifest
from tokit.storage.hub_names import HubName, is_repository_name
from tokit.storage.model_card import CARD

# Kinds that hold data, and are repositories of datasets; the others are models.
DATASETS = ("counts", "shards")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """Upload of an artifact, done or planned.

    Attributes:
        path: The artifact.
        kind: Its kind.
        repository: Name of the repository.
        repository_type: "model" or "dataset".
        endpoint: Address of the Hub.
        revision: Branch; None for the default one.
        private: Whether a new repository is private.
        files: Name → bytes of each file.
        commit_url: Address of the commit; None for a plan.
    """

    path: str
    kind: str
    repository: str
    repository_type: str
    endpoint: str
    revision: str | None
    private: bool
    files: dict[str, int]
    commit_url: str | None = None


def push(artifact: str | Path, repository: str, *, private: bool = False, confirmed: bool = False) -> PushReport:
    """Upload an artifact to the Hub, or tell what would be uploaded.

    The manifest, the files that it lists and the model card are uploaded, when the files are as they were written.

    Args:
        artifact: A folder of tokit.
        repository: "ORG/NAME", or "ORG/NAME@BRANCH".
        private: Make a new repository private.
        confirmed: Upload; without it nothing is sent.

    Raises:
        UsageError: the name is not one of a repository.
        ArtifactError: no artifact, a changed one, or the Hub refuses the upload.
    """
    from tokit.storage.hub import endpoint, upload

    manifest, folder = read_manifest(artifact), Path(artifact)
    target = _target(repository, dataset=manifest.kind in DATASETS)
    changed = changed_files(artifact)
    if changed:
        raise ArtifactError(
            f"{artifact}: {changed[0]} is missing or not as it was written", hint="make it again, or upload it by hand"
        )
    # A card is there to be edited, so the manifest does not list it.
    card = [CARD] if (folder / CARD).is_file() else []
    names = [*manifest.files, MANIFEST, *card]
    return PushReport(
        path=str(artifact),
        kind=manifest.kind,
        repository=target.repo,
        repository_type="dataset" if target.dataset else "model",
        endpoint=endpoint(),
        revision=target.revision,
        private=private,
        files={name: (folder / name).stat().st_size for name in names},
        commit_url=upload(folder, names, target, private=private) if confirmed else None,
    )


def _target(repository: str, *, dataset: bool) -> HubName:
    name, at, branch = repository.removeprefix("hf://").partition("@")
    if not is_repository_name(name) or (at and not branch):
        raise UsageError(f"{repository}: not a name on the Hub", hint="ORG/NAME, or ORG/NAME@BRANCH")
    return HubName(name, branch or None, dataset)
