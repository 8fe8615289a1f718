"""Checkpoints: a killed training ends in the same bytes, and a checkpoint of another training is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokit
from tests.support.engines import engine
from tests.support.two_topics import fit
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.static_fit import FitReport
from tokit.errors import ArtifactError, UsageError
from tokit.ops.fit import fit_embedding
from tokit.storage import folder
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.training_state import Checkpoints

pytestmark = pytest.mark.slow

KILLED = """
import os, sys, tokit
from tokit.storage.training_state import Checkpoints
save, left = Checkpoints.save, int(sys.argv[4])

def counted(self, *arguments):
    global left
    save(self, *arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)

Checkpoints.save = counted
tokit.fit_embedding(
    tokit.open_corpus([sys.argv[1]]), sys.argv[2], sys.argv[3], family=sys.argv[5], dim=8, deterministic=True,
    checkpoint_every=2000, resume=True,
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("family", ["skipgram", "fasttext", "glove"])
def test_a_killed_run_ends_in_the_same_bytes(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    fit(text, tokenizer, tmp_path / "whole", family=family, dim=8)
    out, scratch = tmp_path / "emb", tmp_path / "scratch"
    scratch.mkdir()
    for kills in (1, 3, 2):
        command = [sys.executable, "-c", KILLED, text, tokenizer, out, str(kills), family]
        killed = subprocess.run(command, env={**os.environ, "TMPDIR": str(scratch)}, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert not any(scratch.iterdir())
        assert not out.exists()
        assert (tmp_path / "emb.checkpoint").exists()
    fit(text, tokenizer, out, family=family, dim=8, resume=True)
    for name in ("model.safetensors", "training.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert folder.read_manifest(out, EmbeddingManifest).fit.losses == (
        folder.read_manifest(tmp_path / "whole", EmbeddingManifest).fit.losses
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["emb", "scratch", "whole"]


def test_checkpoint_path_of_any_output_path(
    text: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emb").mkdir()
    monkeypatch.chdir(tmp_path / "emb")
    paths: list[Path] = []
    save = Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda self, *state: paths.append(self.path) or save(self, *state))
    fit(text, tokenizer, Path(), dim=4, checkpoint_every=2000)
    assert set(paths) == {tmp_path / "emb.checkpoint"}
    assert load_embedding(tmp_path / "emb").vectors.any()
    assert [each.name for each in tmp_path.iterdir()] == ["emb"]


def test_a_checkpoint_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    arrays = {"inputs": np.ones(1 << 22, dtype=np.float32), "lost": np.zeros((3, 2))}
    checkpoints = Checkpoints(tmp_path / "emb.checkpoint", 1, "job", resume=True)
    tracemalloc.start()
    checkpoints.save(arrays, 7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < arrays["inputs"].nbytes / 8
    found = checkpoints.load()
    assert found is not None and found[1] == 7
    assert all((found[0][name] == array).all() for name, array in arrays.items())


def test_a_checkpoint_of_another_training_is_refused(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, text, tokenizer, tmp_path / "emb", "1", "skipgram"]
    subprocess.run(command, check=False)
    with pytest.raises(ArtifactError, match="another training"):
        fit(text, tokenizer, tmp_path / "emb", dim=8, seed=1, resume=True)
    (tmp_path / "emb.checkpoint").write_bytes(b"no tensors")
    with pytest.raises(ArtifactError, match="cannot be read"):
        fit(text, tokenizer, tmp_path / "emb", dim=8, resume=True)


def test_a_fit_beside_a_checkpoint_says_whether_it_resumes(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, text, tokenizer, tmp_path / "emb", "1", "skipgram"]
    subprocess.run(command, check=False)
    state = (tmp_path / "emb.checkpoint").read_bytes()
    for every in (None, 2000):
        with pytest.raises(ArtifactError, match="state of an earlier training") as caught:
            fit(text, tokenizer, tmp_path / "emb", dim=8, checkpoint_every=every)
        assert "--resume" in caught.value.hint
        assert "--overwrite" in caught.value.hint
    assert (tmp_path / "emb.checkpoint").read_bytes() == state
    fit(text, tokenizer, tmp_path / "emb", dim=8, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["emb"]


def test_a_checkpoint_of_the_same_text_in_another_order_is_refused(
    text: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("plum pear\niron zinc tin\n", encoding="utf-8")
    options: dict[str, Any] = {"dim": 8, "threads": 1, "checkpoint_every": 2000, "resume": True}

    def fit_on(*files: Path) -> FitReport:
        return fit_embedding(tokit.open_corpus(list(map(str, files))), tokenizer, tmp_path / "emb", **options)

    save = Checkpoints.save

    def save_and_stop(checkpoints: Checkpoints, *state: Any) -> None:
        save(checkpoints, *state)
        raise InterruptedError

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    with pytest.raises(InterruptedError):
        fit_on(text, more)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="another training"):
        fit_on(more, text)
    assert fit_on(text, more).reproducible


def test_leftovers_of_a_killed_checkpoint_are_ignored(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", KILLED, text, tokenizer, tmp_path / "emb", "2", "glove"])
    killed.wait()
    half = (tmp_path / "emb.checkpoint").read_bytes()[:1000]
    (tmp_path / f".emb.checkpoint.tmp-{killed.pid}").write_bytes(half)
    fit(text, tokenizer, tmp_path / "emb", family="glove", dim=8, checkpoint_every=100, resume=True)
    fit(text, tokenizer, tmp_path / "whole", family="glove", dim=8)
    assert load_embedding(tmp_path / "emb").vectors.tobytes() == load_embedding(tmp_path / "whole").vectors.tobytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["emb", "whole"]


def test_svd_keeps_no_checkpoints(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="svd keeps no checkpoints"):
        fit(text, tokenizer, tmp_path / "emb", family="svd", checkpoint_every=1000)


def test_the_reference_keeps_no_checkpoints(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    with engine("reference"), pytest.raises(UsageError, match="keeps no checkpoints"):
        fit(text, tokenizer, tmp_path / "emb", resume=True)
    with pytest.raises(UsageError, match="not a positive number"):
        fit(text, tokenizer, tmp_path / "emb", checkpoint_every=0)
