"""Artifacts: a folder is there whole or not at all, and nothing of the user's is ever lost."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

import tokit
from tests.support.program import folder_bytes
from tokit.errors import ArtifactError
from tokit.storage.data_manifests import CountsManifest
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import (
    MANIFEST,
    changed_files,
    check_target,
    dump_json,
    kind_of,
    read_json,
    read_manifest,
    sha256_file,
    versions,
    writing,
)
from tokit.storage.manifests import FORMAT_VERSION, CorpusFacts

MANIFEST_OF_COUNTS = CountsManifest(
    pipeline={"normalizers": [], "pre_tokenizer": "gpt2", "digits": "keep"},
    corpus=CorpusFacts(f"{1:032x}", 2, 30),
    words=3,
    total=6,
)


def make(target: Path, content: bytes = b"one", *, overwrite: bool = False) -> None:
    with writing(target, overwrite=overwrite) as draft:
        (draft.path / "data.bin").write_bytes(content)
        (draft.path / "inner").mkdir()
        (draft.path / "inner" / "more.txt").write_bytes(b"more")
        draft.manifest = MANIFEST_OF_COUNTS


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dead_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_folder_appears_with_its_manifest(tmp_path: Path) -> None:
    make(tmp_path / "deep" / "er" / "out")
    manifest = read_manifest(tmp_path / "deep" / "er" / "out", CountsManifest)
    assert replace(manifest, files={}, versions={}) == MANIFEST_OF_COUNTS
    assert set(manifest.files) == {"data.bin", "inner/more.txt"}
    assert set(manifest.versions) >= {"tokit", "tokenizers", "numpy"}
    entries = read_json(tmp_path / "deep" / "er" / "out" / MANIFEST)
    assert (entries["kind"], entries["format_version"]) == ("counts", FORMAT_VERSION)
    assert changed_files(tmp_path / "deep" / "er" / "out") == []
    assert names(tmp_path / "deep" / "er") == ["out"]


def test_library_that_is_not_installed_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def installed(name: str) -> str:
        if name == "gensim":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", installed)
    versions.cache_clear()
    make(tmp_path / "out")
    versions.cache_clear()
    recorded = read_manifest(tmp_path / "out", CountsManifest).versions
    assert set(recorded) == {"tokit", *CountsManifest.libraries} - {"gensim"}


def test_same_content_same_bytes(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there", [False, True])
def test_failure_leaves_what_was(tmp_path: Path, error: type[BaseException], there: bool) -> None:
    if there:
        make(tmp_path / "out")
    before = folder_bytes(tmp_path)
    with pytest.raises(error), writing(tmp_path / "out", overwrite=True) as draft:
        (draft.path / "data.bin").write_bytes(b"half")
        raise error
    assert folder_bytes(tmp_path) == before
    assert names(tmp_path) == (["out"] if there else [])


def test_folder_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    with writing(tmp_path / "out") as draft:
        draft.manifest = MANIFEST_OF_COUNTS
        (draft.path / "data.bin").write_bytes(b"x")
        assert not (tmp_path / "out").exists()
        assert draft.path.parent == tmp_path
    assert (tmp_path / "out" / "data.bin").read_bytes() == b"x"


def test_everything_is_synced_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    rename = Path.rename
    monkeypatch.setattr(os, "fsync", lambda fd: events.append(Path(f"/proc/self/fd/{fd}").readlink().name))

    def recorded(path: Path, to: Path) -> Path:
        events.append(f"rename {Path(to).name}")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", recorded)
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell the names of open files")
    make(tmp_path / "out")
    at = events.index("rename out")
    assert {"data.bin", "more.txt", MANIFEST} <= set(events[:at])
    assert events[at + 1 :] == [tmp_path.name]


# --- overwriting


def test_overwrite_needs_the_flag_and_a_manifest(tmp_path: Path) -> None:
    make(tmp_path / "out")
    with pytest.raises(ArtifactError, match="exists"):
        make(tmp_path / "out", b"two")
    make(tmp_path / "out", b"two", overwrite=True)
    assert (tmp_path / "out" / "data.bin").read_bytes() == b"two"
    assert names(tmp_path) == ["out"]
    (tmp_path / "out" / MANIFEST).unlink()
    with pytest.raises(ArtifactError, match="so it is not replaced"):
        make(tmp_path / "out", b"three", overwrite=True)
    assert (tmp_path / "out" / "data.bin").read_bytes() == b"two"


def test_empty_folder_is_a_target_and_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty")
    assert kind_of(tmp_path / "empty") == "counts"
    (tmp_path / "file").write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(ArtifactError):
            make(tmp_path / "file", overwrite=overwrite)
    assert (tmp_path / "file").read_bytes() == b"mine"


# --- crashes


@pytest.mark.parametrize(
    "look", [kind_of, read_manifest, changed_files, lambda path: check_target(path, overwrite=True)]
)
def test_crash_between_the_renames_is_mended(tmp_path: Path, look: Callable[[Path], object]) -> None:
    target = tmp_path / "out"
    make(target)
    before = folder_bytes(target)
    with pytest.MonkeyPatch.context() as patch:
        rename = Path.rename

        def crashing(self: Path, to: Path) -> Path:
            if Path(to) == target:
                raise SystemError("the machine stops here")
            return rename(self, to)

        patch.setattr(Path, "rename", crashing)
        # A crash cleans nothing up.
        patch.setattr("shutil.rmtree", lambda *_args, **_named: None)
        with pytest.raises(SystemError):
            make(target, b"two", overwrite=True)
    assert not target.exists()
    look(target)
    assert folder_bytes(target) == before
    # The next run can go on and cleans up, even where it has the number of the crashed one, as in a container.
    make(target, b"three", overwrite=True)
    assert (target / "data.bin").read_bytes() == b"three"
    assert names(tmp_path) == ["out"]


def test_kill_in_the_middle_leaves_a_draft_that_the_next_run_removes(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom tokit.storage.folder import writing\n"
        "with writing(sys.argv[1]) as draft:\n"
        "    (draft.path / 'data.bin').write_bytes(b'half')\n    os.kill(os.getpid(), 9)\n"
    )
    root = Path(tokit.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], cwd=root, timeout=60, check=False)
    assert done.returncode == -9
    assert len(names(tmp_path)) == 1
    assert not (tmp_path / "out").exists()
    make(tmp_path / "out")
    assert names(tmp_path) == ["out"]


def test_draft_of_a_living_process_is_kept(tmp_path: Path) -> None:
    alive = tmp_path / f".out.tmp-{os.getppid()}"
    dead, other, odd = (
        tmp_path / f".out.tmp-{dead_pid()}",
        tmp_path / f".outer.tmp-{dead_pid()}",
        tmp_path / ".out.tmp-x",
    )
    for folder in (alive, dead, other, odd):
        folder.mkdir()
    make(tmp_path / "out")
    assert not dead.exists()
    assert alive.exists()
    assert other.exists()
    assert odd.exists()


def test_names_with_signs_of_patterns(tmp_path: Path) -> None:
    make(tmp_path / "a[1]*?")
    assert kind_of(tmp_path / "a[1]*?") == "counts"


# --- ways to name a folder


def test_dot_and_trailing_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make(Path())
    assert kind_of(tmp_path / "here") == "counts"
    monkeypatch.chdir(tmp_path)
    make(Path("there/"))
    assert kind_of("there/") == "counts"
    make(Path("there/../beside"))
    assert names(tmp_path) == ["beside", "here", "there"]


def test_symlink_stays_a_symlink(tmp_path: Path) -> None:
    make(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link", b"two", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "data.bin").read_bytes() == b"two"
    (tmp_path / "dangling").symlink_to("not-yet")
    make(tmp_path / "dangling", b"three")
    assert (tmp_path / "not-yet" / "data.bin").read_bytes() == b"three"
    assert kind_of(tmp_path / "dangling") == "counts"


# --- reading


def test_changed_files_are_found(tmp_path: Path) -> None:
    make(tmp_path / "out")
    (tmp_path / "out" / "data.bin").write_bytes(b"onf")
    assert changed_files(tmp_path / "out") == ["data.bin"]
    (tmp_path / "out" / "inner" / "more.txt").unlink()
    assert changed_files(tmp_path / "out") == ["data.bin", "inner/more.txt"]


def test_what_is_no_artifact_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        read_manifest(tmp_path / "missing")
    with pytest.raises(ArtifactError, match="not an artifact"):
        read_manifest(tmp_path)
    assert kind_of(tmp_path) is None
    assert kind_of(tmp_path / "missing") is None
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(ArtifactError, match="not a manifest"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text('{"kind": "counts"')
    with pytest.raises(ArtifactError, match="broken JSON"):
        read_manifest(tmp_path)
    dump_json({"kind": "counts", "format_version": 99}, tmp_path / MANIFEST)
    with pytest.raises(ArtifactError, match="newer tokit"):
        read_manifest(tmp_path)
    dump_json({"kind": "counts", "format_version": FORMAT_VERSION}, tmp_path / MANIFEST)
    with pytest.raises(ArtifactError, match="holds counts, not an embedding"):
        read_manifest(tmp_path, EmbeddingManifest)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": 5}, "not a manifest"),
        ({"kind": ["counts"]}, "not a manifest"),
        ({"kind": "conts"}, "unknown kind 'conts'"),
        ({"format_version": "1"}, "'format_version' is missing or damaged"),
        ({"files": []}, "'files' is missing or damaged"),
        ({"words": "three"}, "'words' is missing or damaged"),
        ({"words": True}, "'words' is missing or damaged"),
        ({"words": -1}, "'words' is missing or damaged"),
        ({"words": 2**63}, "'words' is missing or damaged"),
        ({"total": 1e6}, "'total' is missing or damaged"),
        ({"files": {"../x": ""}}, "'files.../x' is no plain name"),
        ({"corpus": {"fingerprint": "x", "documents": 1, "bytes": 1}}, "'corpus.fingerprint' is no fingerprint"),
        ({"corpus": {"fingerprint": "0" * 32, "documents": 1}}, "'corpus.bytes' is missing or damaged"),
        ({"pipeline": {"normalizers": [1]}}, "'pipeline.normalizers.0' is missing or damaged"),
    ],
)
def test_a_manifest_of_another_shape_is_no_traceback(tmp_path: Path, change: dict[str, object], said: str) -> None:
    make(tmp_path / "out")
    manifest = read_json(tmp_path / "out" / MANIFEST)
    dump_json({**manifest, **change}, tmp_path / "out" / MANIFEST)
    with pytest.raises(ArtifactError, match=said):
        read_manifest(tmp_path / "out")


def test_json_keeps_every_language(tmp_path: Path) -> None:
    dump_json({"é": "日本"}, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == '{\n  "é": "日本"\n}\n'.encode()
    assert read_json(tmp_path / "a.json") == {"é": "日本"}
    assert sha256_file(tmp_path / "a.json") == sha256_file(tmp_path / "a.json")


def test_no_array_is_loaded_as_a_pickle() -> None:
    loads = [
        (path.name, node)
        for path in Path(tokit.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load")
    ]
    assert len(loads) >= 3
    for name, call in loads:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert given.get("allow_pickle") == "False", name
