"""Files of strangers: no name and no link leads out of a folder, and no pipe is waited for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Ran, assert_error
from tokit.errors import ArtifactError
from tokit.storage.folder import MANIFEST, dump_json, kind_of, read_json, read_manifest
from tokit.storage.stranger_files import is_plain_name, refuse_links_out

Cli = Callable[..., Ran]
PLAIN = ["ids.bin", "1_Pooling/config.json", "a b", ".hidden", "ü.txt"]
OTHERS = ["", ".", "..", "/etc/passwd", "../x", "a/../b", "a/..", "a//b", "./a", "a/", "C:x", "a\\b", "a\0b"]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize("name", OTHERS)
def test_names_that_may_lead_out(name: str) -> None:
    assert not is_plain_name(name)


@pytest.fixture
def shards(cli: Cli, bpe_folder: Path, english_file: Path, tmp_path: Path) -> Path:
    assert cli("encode", english_file, "-t", bpe_folder, "-o", tmp_path / "shards").code == 0
    return tmp_path / "shards"


@pytest.mark.parametrize("entry", ["file", "ends"])
@pytest.mark.parametrize("absolute", [False, True])
def test_shards_name_files_of_their_folder_alone(
    cli: Cli, shards: Path, tmp_path: Path, entry: str, absolute: bool
) -> None:
    name = {"file": "ids.bin", "ends": "ends.npy"}[entry]
    shutil.copy(shards / name, tmp_path / name)
    manifest = read_json(shards / MANIFEST)
    manifest["parts"]["ids"][entry] = str(tmp_path / name) if absolute else f"../{name}"
    dump_json(manifest, shards / MANIFEST)
    for command in (("decode", shards), ("inspect", shards, "--check")):
        assert_error(cli(*command), 1, f"'parts.ids.{entry}' is no plain name")


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret", "a/../../secret"])
def test_hashes_of_files_elsewhere_are_not_taken(cli: Cli, shards: Path, name: str) -> None:
    manifest = read_json(shards / MANIFEST)
    manifest["files"][name] = "0" * 64
    dump_json(manifest, shards / MANIFEST)
    assert_error(cli("inspect", shards, "--check"), 1, "is no plain name")


def by_file(folder: Path, outside: Path) -> None:
    (folder / "ids.bin").rename(outside)
    (folder / "ids.bin").symlink_to(outside)


def by_manifest(folder: Path, outside: Path) -> None:
    (folder / MANIFEST).rename(outside)
    (folder / MANIFEST).symlink_to(outside)


def by_folder(folder: Path, outside: Path) -> None:
    (folder / "tokenizer").rename(outside)
    (folder / "tokenizer").symlink_to(outside)


def by_relative_link(folder: Path, outside: Path) -> None:
    (folder / "ids.bin").rename(outside)
    (folder / "ids.bin").symlink_to(f"../{outside.name}")


@pytest.mark.parametrize("move", [by_file, by_manifest, by_folder, by_relative_link])
def test_links_that_lead_out_are_refused(
    cli: Cli, shards: Path, tmp_path: Path, move: Callable[[Path, Path], None]
) -> None:
    move(shards, tmp_path / "outside")
    assert_error(cli("decode", shards), 1, "a link that leads out of its folder")
    with pytest.raises(ArtifactError, match="leads out"):
        kind_of(shards)


def test_links_within_a_folder_and_to_a_folder_are_followed(cli: Cli, shards: Path, tmp_path: Path) -> None:
    (shards / "ids.bin").rename(shards / "other.bin")
    (shards / "ids.bin").symlink_to("other.bin")
    (tmp_path / "link").symlink_to(shards)
    ran = cli("decode", tmp_path / "link")
    assert ran.code == 0
    assert ran.out


def test_links_of_a_cache_of_the_hub_are_followed(shards: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--org--name"
    snapshot, blobs = cache / "snapshots" / "c0ffee", cache / "blobs"
    blobs.mkdir(parents=True)
    shutil.copytree(shards, snapshot)
    for file in [path for path in snapshot.rglob("*") if path.is_file()]:
        blob = blobs / file.relative_to(snapshot).as_posix().replace("/", "-")
        file.rename(blob)
        file.symlink_to(os.path.relpath(blob, file.parent))
    assert read_manifest(snapshot).kind == "shards"
    (snapshot / "ids.bin").unlink()
    (snapshot / "ids.bin").symlink_to("../../../secret")
    with pytest.raises(ArtifactError, match="leads out"):
        read_manifest(snapshot)


def test_circles_of_links_lead_out(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "self").symlink_to(".")
    refuse_links_out(tmp_path.resolve())


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [MANIFEST, "ids.bin", "ends.npy", "tokenizer/tokenizer.json"])
def test_named_pipes_in_place_of_files_are_not_waited_for(cli: Cli, shards: Path, name: str) -> None:
    (shards / name).unlink()
    os.mkfifo(shards / name)
    assert_error(cli("decode", shards), 1, str(shards))


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_brackets_within_brackets_are_broken_json(tmp_path: Path, bracket: str) -> None:
    (tmp_path / "deep.json").write_text(bracket * 100_000)
    with pytest.raises(ArtifactError, match="broken JSON"):
        read_json(tmp_path / "deep.json")
