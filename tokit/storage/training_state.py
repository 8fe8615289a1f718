"""State of a training, in a file beside its folder, from which a killed run resumes.

The file is written whole and then renamed, so there is always one that can be read. It names the job it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from tokit.errors import ArtifactError
from tokit.storage.safetensors import write_tensors
from tokit.storage.targets import drafted_file

AGAIN = "--overwrite, without --resume, begins again"
# More tokens than any corpus has: no checkpoint is due.
NEVER = 1 << 62
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """File and interval of the checkpoints of a training.

    Attributes:
        path: The file.
        every: Tokens from one to the next, at least; examples in a fine-tuning.
        job: What says that it is the same training: settings, corpus, tokenizer.
        resume: Begin with what the file holds, when there is one.
    """

    path: Path
    every: int
    job: str
    resume: bool = False

    def save(self, arrays: Arrays, turn: int) -> None:
        """Replace what is there.

        Raises:
            ArtifactError: it cannot be written.
        """
        try:
            # By the part: a copy of the tables would take as much memory as the training.
            with drafted_file(self.path, lambda _: True) as draft:
                write_tensors(draft, arrays, {"job": self.job, "turn": str(turn)})
        except OSError as error:
            raise ArtifactError(
                f"{self.path}: {error.strerror}", hint="a checkpoint needs room beside --out"
            ) from error

    def load(self) -> tuple[dict[str, npt.NDArray[Any]], int] | None:
        """The arrays and the turn, if there is something to go on from and that is asked for.

        Raises:
            ArtifactError: it is of another training, or damaged.
        """
        from safetensors import SafetensorError, safe_open

        if not self.resume or not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (OSError, SafetensorError) as error:
            raise ArtifactError(f"{self.path}: cannot be read: {error}", hint=AGAIN) from error
        if metadata.get("job") != self.job:
            raise ArtifactError(
                f"{self.path}: of another training: its text, tokenizer or settings are not these",
                hint=f"give the same ones; {AGAIN}",
            )
        if not metadata.get("turn", "").isdecimal():
            raise self._damaged()
        return arrays, int(metadata["turn"])

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """A block that takes the state of a training out of the arrays.

        Raises:
            ArtifactError: one is missing, or of another shape.
        """
        try:
            yield
        except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
            raise self._damaged() from error

    def _damaged(self) -> ArtifactError:
        return ArtifactError(
            f"{self.path}: damaged: an entry is missing, or of another shape",
            hint=AGAIN,
        )
