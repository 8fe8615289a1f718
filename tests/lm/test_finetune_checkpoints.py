"""Checkpoints of a fine-tuning: a killed run ends in the same bytes, and a checkpoint of another run is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.support.contextual_models import save_head  # noqa: E402
from tests.support.damaged_checkpoints import damaged_checkpoints  # noqa: E402
from tests.support.program import Ran, assert_error  # noqa: E402
from tests.support.same_folders import differing_files  # noqa: E402
from tokit.storage.training_state import Checkpoints  # noqa: E402

Cli = Callable[..., Ran]
KILLED = """
import os, sys
from tokit.cli.main import main
from tokit.storage.training_state import Checkpoints
save, left = Checkpoints.save, int(sys.argv[1])

def counted(self, *arguments):
    global left
    save(self, *arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)

Checkpoints.save = counted
sys.exit(main(sys.argv[2:]))
"""
TASKS = {
    "classify": [f"{'ab'[i % 2]}\ttext {'ab'[i % 2]} {i}" for i in range(22)],
    "pairs": [f"text {i}\tother {i % 3}\t{i % 3}.5" for i in range(22)],
    "tokens": [f"word\tO\nname{i}\tB-X\n" for i in range(22)],
}


@pytest.fixture
def home(bpe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a model and examples."""
    save_head("bert", "MaskedLM", ["a", "b"], bpe_folder, tmp_path / "model")
    for task, lines in TASKS.items():
        (tmp_path / f"{task}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(task: str = "classify", *more: str) -> list[str]:
    """A run of three epochs of six steps, with dropout."""
    settings = ["--epochs", "3", "--batch-size", "4", "--dropout", "0.1", "--threads", "1", "--validation", "0.05"]
    return ["finetune", f"{task}.tsv", "-m", "model", "--task", task, *settings, "-q", *more]


def assert_stopped(cli: Cli, monkeypatch: pytest.MonkeyPatch, saves: int, line: list[str]) -> None:
    """Run a command that ends like a killed one after some checkpoints."""
    save, left = Checkpoints.save, [saves]

    def counted(self: Checkpoints, *arguments: object) -> None:
        save(self, *arguments)  # type: ignore[arg-type]
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", counted)
        assert cli(*line).code == 130


@pytest.mark.parametrize("task", list(TASKS))
def test_a_stopped_run_ends_in_the_same_bytes(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    assert cli(*command(task, "-o", "whole")).code == 0
    resumed = command(task, "-o", "tuned", "--checkpoint-every", "8", "--resume")
    # In the first epoch, at the border of two, and in the last.
    for saves in (1, 2, 4):
        assert_stopped(cli, monkeypatch, saves, resumed)
        assert (home / "tuned.checkpoint").is_file()
        assert not (home / "tuned").exists()
    ran = cli(*resumed)
    assert ran.code == 0, ran.err
    assert differing_files(home / "whole", home / "tuned") == []
    assert not (home / "tuned.checkpoint").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_killed_run_ends_in_the_same_bytes(cli: Cli, home: Path) -> None:
    assert cli(*command("classify", "-o", "whole")).code == 0
    line = command("classify", "-o", "tuned", "--checkpoint-every", "4", "--resume")
    for saves in (2, 5):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(saves), *line], env=os.environ, check=False)
        assert killed.returncode == -signal.SIGKILL
    assert cli(*line).code == 0
    assert differing_files(home / "whole", home / "tuned") == []
    assert sorted(each.name for each in home.iterdir() if "tuned" in each.name) == ["tuned"]


def test_checkpoints_of_other_runs_are_refused(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = command("classify", "-o", "tuned", "--checkpoint-every", "4")
    assert_stopped(cli, monkeypatch, 2, line)
    state = (home / "tuned.checkpoint").read_bytes()
    assert_error(cli(*line), 1, "holds the state of an earlier training", "--resume", "--overwrite")
    others = (
        [*line, "--resume", "--seed", "1"],
        [*line, "--resume", "--freeze", "embeddings"],
        [*line, "--resume", "--learning-rate", "0.01"],
        [*command("pairs", "-o", "tuned"), "--resume"],
    )
    for other in others:
        assert_error(cli(*other), 1, "of another training")
    with (home / "classify.tsv").open("a", encoding="utf-8") as file:
        file.write("a\tone more example\n")
    assert_error(cli(*line, "--resume"), 1, "of another training")
    assert (home / "tuned.checkpoint").read_bytes() == state
    assert_error(cli(*command("classify", "-o", "x", "--checkpoint-every", "0")), 2, "not a positive number")
    assert cli(*line, "--overwrite").code == 0
    assert not (home / "tuned.checkpoint").exists()


def test_damaged_checkpoints_are_refused(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = command("classify", "-o", "tuned", "--checkpoint-every", "4", "--resume")
    assert_stopped(cli, monkeypatch, 2, line)
    state = (home / "tuned.checkpoint").read_bytes()
    (home / "tuned.checkpoint").write_bytes(state[: len(state) // 2])
    assert_error(cli(*line), 1, "cannot be read", "--resume")
    (home / "tuned.checkpoint").write_bytes(state)
    for what in damaged_checkpoints(home / "tuned.checkpoint"):
        ran = cli(*line)
        assert ran.code == 1, what
        assert_error(ran, 1, "tuned.checkpoint: damaged", "--overwrite")
    assert cli(*line).code == 0


SMALL = "--max-steps 4 --batch-size 2 --context-length 16 --hidden-size 16 --num-hidden-layers 1"


@pytest.mark.usefixtures("home")
def test_damaged_checkpoints_of_a_pretraining_are_refused(
    cli: Cli, english_file: Path, bpe_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = [
        "fit",
        "bert",
        str(english_file),
        "-t",
        str(bpe_folder),
        *SMALL.split(),
        "--num-attention-heads",
        "2",
        "--threads",
        "1",
        "-q",
    ]
    line += ["--checkpoint-every", "32", "--resume", "-o", "bert"]
    assert_stopped(cli, monkeypatch, 3, line)
    for what in damaged_checkpoints(Path("bert.checkpoint")):
        ran = cli(*line)
        assert ran.code == 1, what
        assert_error(ran, 1, "bert.checkpoint: damaged", "--overwrite")
    assert cli(*line).code == 0


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("family", ["skipgram", "fasttext", "glove"])
def test_damaged_checkpoints_of_a_static_embedding_are_refused(
    cli: Cli, english_file: Path, bpe_folder: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    line = ["fit", family, str(english_file), "-t", str(bpe_folder), "-d", "8", "--threads", "1", "-q"]
    line += ["--checkpoint-every", "100", "--resume", "-o", "emb"]
    assert_stopped(cli, monkeypatch, 1, line)
    for what in damaged_checkpoints(Path("emb.checkpoint")):
        ran = cli(*line)
        assert ran.code == 1, what
        assert_error(ran, 1, "emb.checkpoint: damaged", "--overwrite")
    assert cli(*line).code == 0
