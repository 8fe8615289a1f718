"""The steps of every fit: check, encode the text once, train with checkpoints, write the folder.

Static embeddings (`static_fit.py`) and language models (`tokit.lm.pretraining_fit`) each say how one of them trains.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Protocol, TypeVar

from tokit.corpus import Corpus
from tokit.errors import ArtifactError, UsageError
from tokit.progress import Tick
from tokit.runtime.threads import interruptible
from tokit.storage.folder import check_target, writing
from tokit.storage.manifests import Manifest
from tokit.storage.training_state import NEVER, Checkpoints
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.training_text import HoldOut, ShardsText, TrainingText, read_training_text

# NumPy's older generator takes seeds of 32 bits.
LARGEST_SEED = (1 << 32) - 1


class Job(Protocol):
    """The input of a training."""

    @property
    def stop(self) -> Event:
        """Set it, and the training ends soon."""


JobT = TypeVar("JobT", bound=Job)
TrainedT = TypeVar("TrainedT")
ReportT_co = TypeVar("ReportT_co", covariant=True)


class Fit(Protocol[JobT, TrainedT, ReportT_co]):
    """A fit whose settings are checked and whose inputs are open: `StaticFit` or `PretrainingFit`."""

    @property
    def tokenizer(self) -> LibraryTokenizer:
        """The tokenizer whose ids are trained on."""

    @property
    def options(self) -> EncodeOptions:
        """Special tokens around documents."""

    @property
    def hold_out(self) -> HoldOut | None:
        """Documents to keep from training."""

    def check_checkpoints(self) -> None:
        """Refuse checkpoints where the training keeps none."""

    def identity(self) -> dict[str, Any]:
        """Settings that tell this training's checkpoints from those of another."""

    def job(self, text: TrainingText, checkpoints: Checkpoints | None, tick: Tick) -> JobT:
        """The input of the training."""

    def train(self, job: JobT) -> TrainedT:
        """Train."""

    def write(self, folder: Path, trained: TrainedT, text: TrainingText) -> Manifest:
        """Write the folder's files; the manifest."""

    def report(self, out: str | Path, trained: TrainedT, text: TrainingText) -> ReportT_co:
        """The result."""


def check_run(out: str | Path, seed: int, checkpoint_every: int | None, *, resume: bool, overwrite: bool) -> None:
    """Check what every fit takes, before anything is opened.

    Raises:
        UsageError: a number out of range.
        ArtifactError: something is at `out`, or the state of an earlier training that this one would begin again.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: not between 0 and {LARGEST_SEED}", hint="--seed 0")
    if checkpoint_every is not None and checkpoint_every < 1:
        raise UsageError(f"--checkpoint-every {checkpoint_every}: not a positive number", hint="10000000")
    check_target(out, overwrite=overwrite)
    state = state_file(out)
    if state.exists() and not resume and not overwrite:
        raise ArtifactError(
            f"{state} holds the state of an earlier training",
            hint="--resume continues it, --overwrite begins again and removes it",
        )


def tokenizer_for(text: Corpus | ShardsText, tokenizer: str | Path | Tokenizer | None) -> str | Path | Tokenizer | None:
    """The tokenizer that was given, or that of the shards.

    Raises:
        UsageError: it is not the one that the shards were made with.
    """
    if not isinstance(text, ShardsText):
        return tokenizer
    if tokenizer is not None:
        text.require(tokenizer if isinstance(tokenizer, Tokenizer) else load_tokenizer(tokenizer))
    return text.tokenizer


def run_fit(
    fit: Fit[JobT, TrainedT, ReportT_co],
    text: Corpus | ShardsText,
    out: str | Path,
    *,
    checkpoint_every: int | None,
    resume: bool,
    overwrite: bool,
    tick: Tick,
) -> ReportT_co:
    """Encode, train, write.

    Args:
        fit: Opened.
        text: What to train on.
        out: The folder to write.
        checkpoint_every: Tokens between checkpoints; None keeps none.
        resume: Continue from a checkpoint, when there is one.
        overwrite: Replace an existing artifact.
        tick: Progress.

    Raises:
        UsageError: checkpoints of a training that keeps none.
        CorpusError: text that cannot be read, or none.
        TrainingError: see the family.
        ArtifactError: the checkpoint is of another training, or the folder cannot be written.
    """
    if checkpoint_every is not None or resume:
        fit.check_checkpoints()
    # "." is another folder, or none, once the result has taken its place.
    state = state_file(out)
    encoded = read_training_text(text, fit.tokenizer, fit.hold_out, fit.options, tick)
    fit.tokenizer.release()
    checkpoints = _checkpoints(fit, encoded, state, every=checkpoint_every, resume=resume)
    job = fit.job(encoded, checkpoints, tick)
    try:
        # Training does not look at signals: in a thread of its own it can be left at Ctrl-C.
        trained = interruptible(partial(fit.train, job))
    except BaseException:
        job.stop.set()
        raise
    with writing(out, overwrite=overwrite) as draft:
        draft.manifest = fit.write(draft.path, trained, encoded)
    # Also one of an earlier training that was begun again.
    state.unlink(missing_ok=True)
    return fit.report(out, trained, encoded)


def _checkpoints(
    fit: Fit[JobT, TrainedT, ReportT_co], text: TrainingText, state: Path, *, every: int | None, resume: bool
) -> Checkpoints | None:
    if every is None and not resume:
        return None
    identity = {**fit.identity(), "corpus": text.facts.as_dict(), "order": text.order}
    return Checkpoints(state, every or NEVER, json.dumps(identity), resume)


def state_file(out: str | Path) -> Path:
    """File of the checkpoints of a training."""
    # "." has no name to add to.
    path = Path(out).resolve()
    return path.with_name(f"{path.name}.checkpoint")
