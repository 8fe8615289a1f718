"""What a command loads before it does its work: a pipe with one line must be answered at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import LIMIT


def loaded(*arguments: str, stdin: bytes = b"") -> tuple[set[str], bytes]:
    """The top-level packages that a run of the program imports, and its output."""
    modules, out = loaded_modules(*arguments, stdin=stdin)
    return {name.split(".")[0] for name in modules}, out


def loaded_modules(*arguments: str, stdin: bytes = b"") -> tuple[set[str], bytes]:
    """The modules that a run of the program imports, and its output."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tokit", *arguments],
        input=stdin,
        capture_output=True,
        timeout=LIMIT,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done.stdout


def test_help_loads_no_engine() -> None:
    packages, out = loaded("--help")
    assert b"train" in out
    assert "typer" in packages
    assert not packages & {"numpy", "numba", "gensim", "torch", "tokenizers", "rich", "sentencepiece", "transformers"}


@pytest.mark.parametrize("command", ["train", "fit", "encode"])
def test_help_of_a_command_loads_no_engine(command: str) -> None:
    packages, _ = loaded(command, "--help")
    assert not packages & {"numpy", "numba", "gensim", "torch", "tokenizers", "rich", "sentencepiece", "transformers"}


@pytest.mark.parametrize("command", ["train bpe", "fit skipgram", "fit bert"])
def test_help_of_a_family_loads_no_engine(command: str) -> None:
    packages, out = loaded(*command.split(), "--help")
    assert f"Parameters of {command.split()[1]}".encode() in out
    assert not packages & {"numba", "gensim", "torch", "transformers", "rich", "sentencepiece"}


def test_encode_of_a_line_loads_tokenizers_and_at_most_numpy(bpe_folder: Path) -> None:
    packages, out = loaded("encode", "-t", str(bpe_folder), stdin=b"hi\n")
    assert out.endswith(b"\n")
    assert "tokenizers" in packages
    heavy = {
        "numba",
        "gensim",
        "torch",
        "transformers",
        "scipy",
        "pyarrow",
        "rich",
        "sentencepiece",
        "huggingface_hub",
        "pandas",
    }
    assert not packages & heavy


def test_encode_of_a_line_loads_nothing_of_shards_counts_or_models(bpe_folder: Path) -> None:
    modules, _ = loaded_modules("encode", "-t", str(bpe_folder), stdin=b"hi\n")
    assert "tokit.storage.manifests" in modules
    # Classes of manifests take as long to make as a small module to import.
    assert not modules & {
        "tokit.ids.parts_writer", "tokit.ids.shards", "tokit.ids.writer", "tokit.storage.data_manifests",
        "tokit.storage.embedding_manifest", "tokit.storage.model_manifests", "tokit.storage.warm_start_facts",
        "tokit.tokenizer.shards_manifest", "tokit.tokenizer.training_text",
    }  # fmt: skip


def test_python_api_is_loaded_by_name() -> None:
    code = (
        "import sys, tokit; assert 'numpy' not in sys.modules; tokit.load_tokenizer; tokit.open_corpus\n"
        "assert 'tokenizers' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, timeout=LIMIT, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr.decode()


def test_unknown_name_of_the_api() -> None:
    import tokit

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tokit.nonsense
