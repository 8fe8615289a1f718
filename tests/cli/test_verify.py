"""`tokit verify`: a healthy artifact passes, and any byte, array or id that is not as it was written is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.program import Ran, assert_error
from tokit.storage.folder import MANIFEST, dump_json, read_json

Cli = Callable[..., Ran]
KINDS = ["tokenizer", "counts", "shards", "embedding"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bpe_folder: Path, english_file: Path) -> Path:
    """One artifact of each kind that needs no torch."""
    from tokit.cli.main import main

    home = tmp_path_factory.mktemp("made")
    shutil.copytree(bpe_folder, home / "tokenizer")
    text, tok = str(english_file), str(bpe_folder)
    assert main(["count", text, "-o", str(home / "counts"), "-q"]) == 0
    assert main(["encode", text, "-t", tok, "-o", str(home / "shards"), "-q"]) == 0
    assert main(["fit", "svd", text, "-t", tok, "--dim", "4", "-o", str(home / "embedding"), "-q"]) == 0
    return home


@pytest.fixture
def artifact(request: pytest.FixtureRequest, made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / request.param, tmp_path / request.param)
    return tmp_path / request.param


def sealed(folder: Path, name: str) -> None:
    """Write the hash of a changed file into the manifest, as somebody who means harm would."""
    manifest = read_json(folder / MANIFEST)
    manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    dump_json(manifest, folder / MANIFEST)


@pytest.mark.parametrize("artifact", KINDS, indirect=True)
def test_healthy_artifacts(cli: Cli, artifact: Path) -> None:
    ran = cli("verify", artifact)
    assert (ran.code, ran.err) == (0, "")
    files = len(read_json(artifact / MANIFEST)["files"])
    assert ran.text == f"{artifact}: {artifact.name}, healthy, {files} files as they were written\n"
    found = json.loads(cli("verify", artifact, "--json").text)
    assert (found["kind"], found["files"], found["faults"]) == (artifact.name, files, [])
    assert cli("verify", artifact, "-q").out == b""


@pytest.mark.parametrize("artifact", KINDS, indirect=True)
def test_one_flipped_bit_in_any_file_is_found(cli: Cli, artifact: Path) -> None:
    for name in read_json(artifact / MANIFEST)["files"]:
        path = artifact / name
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            ran = cli("verify", artifact)
            assert_error(ran, 3, f"{name} is missing or not as it was written")
        path.write_bytes(content)
    assert cli("verify", artifact).code == 0


@pytest.mark.parametrize("artifact", ["shards"], indirect=True)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda ids, ends: (ids, ends[::-1].copy()), "does not hold the ends"),
        (lambda ids, ends: (ids[:-1], ends), "bytes"),
        (lambda ids, ends: (np.full_like(ids, 60_000), ends), "an id outside the vocabulary of 600"),
        (lambda ids, ends: (ids, ends[:-1]), "its shape is"),
        (lambda ids, ends: (ids, ends.astype(np.int32)), "int32, not int64"),
    ],
    ids=["falling", "short", "outside", "fewer", "narrow"],
)
def test_arrays_that_do_not_fit_are_found_behind_right_hashes(
    cli: Cli, artifact: Path, change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], fault: str
) -> None:
    ids, ends = change(np.fromfile(artifact / "ids.bin", dtype="<u2"), np.load(artifact / "ends.npy"))
    ids.tofile(artifact / "ids.bin")
    np.save(artifact / "ends.npy", ends)
    sealed(artifact, "ids.bin")
    sealed(artifact, "ends.npy")
    assert_error(cli("verify", artifact), 3, fault)


@pytest.mark.parametrize("artifact", ["shards"], indirect=True)
def test_shards_with_another_tokenizer_are_found(
    cli: Cli, artifact: Path, trained_folder: Callable[[str], Path]
) -> None:
    name = "tokenizer/tokenizer.json"
    shutil.copy(trained_folder("wordpiece") / "tokenizer.json", artifact / name)
    sealed(artifact, name)
    assert_error(cli("verify", artifact), 3, "is not the one that made the ids")


@pytest.mark.parametrize("artifact", ["embedding"], indirect=True)
def test_numbers_that_are_not_finite_are_found(cli: Cli, artifact: Path) -> None:
    path = artifact / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-4] + np.array(np.nan, dtype="<f4").tobytes())
    sealed(artifact, path.name)
    assert_error(cli("verify", artifact), 3, "do not fit each other")


@pytest.mark.parametrize("artifact", ["tokenizer"], indirect=True)
def test_files_beside_those_of_the_manifest_are_said(cli: Cli, artifact: Path) -> None:
    (artifact / "notes.txt").write_text("mine")
    ran = cli("verify", artifact)
    assert ran.code == 0
    assert ran.err == "note: not in the manifest, and not checked: notes.txt\n"


def test_tokenizers_of_other_tools_are_tried_out(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    shutil.copy(bpe_folder / "tokenizer.json", tmp_path)
    ran = cli("verify", tmp_path / "tokenizer.json")
    assert (ran.code, ran.text) == (0, f"{tmp_path / 'tokenizer.json'}: foreign tokenizer, healthy\n")
    (tmp_path / "tokenizer.json").write_text("{")
    assert_error(cli("verify", tmp_path / "tokenizer.json"), 1, "tokenizer.json")


def test_what_is_no_artifact(cli: Cli, tmp_path: Path) -> None:
    assert_error(cli("verify", tmp_path / "missing"), 1, "no such file or folder")
    (tmp_path / MANIFEST).write_text("{}")
    assert_error(cli("verify", tmp_path), 1, "not a manifest of tokit")
