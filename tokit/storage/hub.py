"""Files of the Hugging Face Hub, through huggingface_hub: its cache, token, offline switch and `HF_ENDPOINT`.

A file is checked against the hash that the Hub announced when it arrives. Each revision is a folder of the cache under
its commit, so that what was loaded can be named exactly.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError
from tokit.storage.hub_names import HubName

# A blob in the cache is named after its hash: sha256 of a large file, git's sha1 of a small one.
SHA256_DIGITS, SHA1_DIGITS = 64, 40
SERVER_ERROR = 500
# Seconds by which the time of a file may be before that of the clock.
CLOCK_STEP = 1
_COMMIT = re.compile(r"[0-9a-f]{40}")
NOT_NEEDED = ("onnx/*", "openvino/*", "*.onnx")


def snapshot(name: HubName, patterns: Sequence[str], *, may_lack_all: bool = False) -> Path:
    """Folder of a revision with at least the files that match.

    Raises:
        ArtifactError: they cannot be had: no such repository or revision, no access, no network and no copy in the
            cache, a download that broke off, or a file that is not what the Hub announced.
    """
    begun = time.time()
    with _errors(name), _quiet():
        folder = Path(_download(name, patterns))
    if not (folder.is_dir() or may_lack_all):
        raise ArtifactError(
            f"{name}: the repository has none of the files that are needed", hint=f"they are: {', '.join(patterns)}"
        )
    _verify(folder, begun, name)
    return folder


def _download(name: HubName, patterns: Sequence[str]) -> str:
    """Folder in the cache, after one request if the revision is there already."""
    from huggingface_hub import HfApi, errors

    kind = "dataset" if name.dataset else "model"
    fetch = _fetcher(name, patterns)
    if _COMMIT.fullmatch(name.revision or ""):
        return fetch(revision=name.revision)
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    try:
        commit = api.repo_info(name.repo, repo_type=kind, revision=name.revision).sha
    except (errors.OfflineModeIsEnabled, errors.HfHubHTTPError) as error:
        if isinstance(error, errors.HfHubHTTPError) and error.response.status_code < SERVER_ERROR:
            raise
        return fetch(revision=name.revision, local_files_only=True)
    except Exception:  # no connection; its HTTP library differs between versions
        folder = fetch(revision=name.revision, local_files_only=True)
        logging.getLogger("tokit").warning("%s: the Hub did not answer; using the copy in the cache", name)
        return folder
    # By the commit nothing more is asked; by its name the cache also learns which commit it means.
    known = _cached_commit(name)
    return fetch(revision=commit if known == commit else name.revision)


def _fetcher(name: HubName, patterns: Sequence[str]) -> Callable[..., str]:
    from huggingface_hub import snapshot_download

    return partial(
        snapshot_download,
        name.repo,
        repo_type="dataset" if name.dataset else "model",
        endpoint=os.environ.get("HF_ENDPOINT"),
        allow_patterns=list(patterns),
        ignore_patterns=list(NOT_NEEDED),
    )


def _cached_commit(name: HubName) -> str | None:
    """Commit that a revision meant when it was last fetched."""
    from huggingface_hub import constants

    folder = f"{'datasets' if name.dataset else 'models'}--{name.repo.replace('/', '--')}"
    ref = Path(constants.HF_HUB_CACHE) / folder / "refs" / (name.revision or constants.DEFAULT_REVISION)
    return ref.read_text("utf-8") if ref.is_file() else None


def dataset_files(name: HubName) -> list[tuple[Path, str]]:
    """Files of a repository that a path, folder or pattern names; fetched when the cache lacks them.

    Returns:
        (path in the cache, path in the repository) of each, in order.

    Raises:
        ArtifactError: there is none, or they cannot be had.
    """
    patterns = [name.path, f"{name.path.rstrip('/')}/*"] if name.path else ["*"]
    folder = snapshot(name, patterns)
    files = [(path, path.relative_to(folder).as_posix()) for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [(path, inner) for path, inner in files if any(fnmatch.fnmatchcase(inner, each) for each in patterns)]
    if not found:
        raise ArtifactError(f"{name}: the repository has no such file", hint="its page on the Hub lists them")
    return found


def upload(folder: Path, names: Sequence[str], target: HubName, *, private: bool) -> str:
    """Upload files of a folder in one commit, and make the repository when there is none.

    Args:
        folder: The folder.
        names: Paths of the files in it.
        target: The repository; its revision is the branch.
        private: Make a new repository private.

    Returns:
        Address of the commit.

    Raises:
        ArtifactError: no token, no access or no network.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    kind, api = "dataset" if target.dataset else "model", HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names]
    with _errors(target, "no such repository, or no right to write to it, at"), _quiet():
        api.create_repo(target.repo, repo_type=kind, private=private, exist_ok=True)
        if target.revision:
            api.create_branch(target.repo, branch=target.revision, repo_type=kind, exist_ok=True)
        commit = api.create_commit(
            target.repo,
            operations,
            commit_message="Upload with tokit",
            repo_type=kind,
            revision=target.revision,
        )
    return str(commit.commit_url)


def endpoint() -> str:
    """Address of the Hub."""
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT") or str(constants.ENDPOINT)


def _verify(folder: Path, begun: float, name: HubName) -> None:
    """Compare files that have just arrived with the hashes that they are named after, and remove one that differs.

    huggingface_hub compares sizes only.
    """
    # Where the system has no links the name of a blob is unknown.
    links = [path for path in folder.rglob("*") if path.is_symlink() and path.is_file()]
    new = [link for link in links if link.resolve().stat().st_mtime >= begun - CLOCK_STEP]
    damaged = [link for link in new if not _has_hash(link.resolve(), link.resolve().name)]
    for link in damaged:
        link.resolve().unlink(missing_ok=True)
        link.unlink()
    if damaged:
        raise ArtifactError(
            f"{name}: {damaged[0].name} does not have the hash that the Hub announced",
            hint="the download was damaged or changed on its way, and is removed: try again",
        )


def _has_hash(blob: Path, digits: str) -> bool:
    if not re.fullmatch(r"[0-9a-f]+", digits) or len(digits) not in (SHA1_DIGITS, SHA256_DIGITS):
        return True
    with blob.open("rb") as file:
        if len(digits) == SHA256_DIGITS:
            return hashlib.file_digest(file, "sha256").hexdigest() == digits
        # Git hashes a header with the content; see "Git Objects" in the book Pro Git.
        digest = hashlib.sha1(b"blob %d\0" % blob.stat().st_size, usedforsecurity=False)
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest() == digits


@contextlib.contextmanager
def _errors(name: HubName, missing: str = "no such path here, and no such repository at") -> Iterator[None]:
    """Turn what huggingface_hub raises into an error that says what was tried."""
    from huggingface_hub import constants, errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise ArtifactError(
            f"{name}: access to this repository is restricted", hint="ask for access on its page, then: hf auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ArtifactError(
            f"{name}: {missing} {endpoint()}",
            hint="check the spelling; a private one needs a token: hf auth login",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ArtifactError(
            f"{name}: the repository has no revision '{name.revision}'", hint="name a branch, a tag or a commit"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        # The cache does not hold it, and nothing else could be asked.
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        tried = "HF_HUB_OFFLINE is set" if offline else f"{endpoint()} did not answer"
        raise ArtifactError(
            f"{name}: {tried}, and the cache at {constants.HF_HUB_CACHE} does not hold it",
            hint="a folder with its files works without network: give its path",
        ) from error
    except errors.HFValidationError as error:
        raise ArtifactError(f"{name}: not a name on the Hub", hint="ORG/NAME, or ORG/NAME@REVISION") from error
    except Exception as error:  # its HTTP library differs between versions, and so do its exceptions
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(
            f"{name}: the request to {endpoint()} failed: {reason}",
            hint="try again (files that arrived whole are in the cache), or give a folder with its files",
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep huggingface_hub's progress to terminals, and its advice on tokens out of our output."""
    from huggingface_hub import utils

    bars: Any = utils  # which does not declare their switches
    logs: Any = utils.logging
    verbosity, hide = logs.get_verbosity(), not (sys.stderr.isatty() or bars.are_progress_bars_disabled())
    logs.set_verbosity_error()
    if hide:
        bars.disable_progress_bars()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if hide:
            bars.enable_progress_bars()
