"""The cache of machine code: compiled once, loaded afterwards, and not compiled for small work."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.program import LIMIT
from tokit.arrays import Block
from tokit.counts.counter import PreTokenCounter
from tokit.errors import UsageError
from tokit.kernels.compiled import loader
from tokit.runtime import engine
from tokit.runtime.trust import distrust
from tokit.text.pipeline import TextPipeline
from tokit.tokenizer.load import load_tokenizer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# A kernel that compiles quickly, and whether Numba was imported for it.
PROBE = """
import sys
import numpy as np
from tokit import kernels
from tokit.kernels.compiled.loader import kernel
kernels.listen(print)
old, new, heap = np.full(16, -1, dtype=np.int64), np.empty(32, dtype=np.int64), np.empty(8, dtype=np.int64)
old[:8] = 5, 10, 0, 1, 6, 20, 1, 2
state = np.zeros(6, dtype=np.int64)
kernel("move_pairs")(15, old, new, heap, state)
assert state[0] == state[2] == 1 and heap.tolist()[:2] == [20, 6]
assert [6, 20, 1, 2] in new.reshape(-1, 4).tolist() and 5 not in new
print("numba" if "numba" in sys.modules else "no numba")
"""


def run(code: str = PROBE, root: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=LIMIT,
        check=False,
        text=True,
        # Where it is started from comes before all other places.
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_first_use_compiles_and_later_ones_do_not(tmp_path: Path) -> None:
    first = run(TOKIT_CACHE_DIR=str(tmp_path))
    assert first == "compiling for this processor: once, and it takes some seconds\nnumba\n"
    assert run(TOKIT_CACHE_DIR=str(tmp_path)) == "no numba\n"


def test_changed_sources_are_compiled_again(tmp_path: Path) -> None:
    cache, root = str(tmp_path / "cache"), tmp_path / "other"
    shutil.copytree(ROOT / "tokit", root / "tokit", ignore=shutil.ignore_patterns("__pycache__"))
    run(TOKIT_CACHE_DIR=cache)
    assert run(root=root, TOKIT_CACHE_DIR=cache) == "no numba\n"
    # A kernel may use any other file of its package.
    with (root / "tokit" / "kernels" / "lines.py").open("a") as file:
        file.write("# other\n")
    assert run(root=root, TOKIT_CACHE_DIR=cache).endswith("\nnumba\n")


@pytest.mark.parametrize("damage", [b"", b"symbol", b"symbol\nnot machine code"])
def test_damaged_code_is_compiled_again(tmp_path: Path, damage: bytes) -> None:
    run(TOKIT_CACHE_DIR=str(tmp_path))
    (file,) = tmp_path.glob("*/move_pairs.o")
    file.write_bytes(damage)
    assert run(TOKIT_CACHE_DIR=str(tmp_path)).endswith("\nnumba\n")
    assert run(TOKIT_CACHE_DIR=str(tmp_path)) == "no numba\n"


def test_sealed_garbage_is_compiled_again(tmp_path: Path) -> None:
    run(TOKIT_CACHE_DIR=str(tmp_path))
    (file,) = tmp_path.glob("*/move_pairs.o")
    symbol, code = file.read_bytes().split(b"\n", 2)[1:]
    file.write_bytes(loader._sealed(symbol.decode(), code[:64] + os.urandom(4000)))
    assert run(TOKIT_CACHE_DIR=str(tmp_path)).endswith("\nnumba\n")
    assert run(TOKIT_CACHE_DIR=str(tmp_path)) == "no numba\n"


OTHER_USER = 65_534


def of_another_user(folder: Path, file: Path) -> None:
    os.chown(file, OTHER_USER, OTHER_USER)


def folder_of_another_user(folder: Path, file: Path) -> None:
    os.chown(folder, OTHER_USER, OTHER_USER)


def writable_by_all(folder: Path, file: Path) -> None:
    folder.chmod(0o777)


def writable_by_a_group(folder: Path, file: Path) -> None:
    os.chown(folder, os.getuid(), OTHER_USER)
    folder.chmod(0o775)


def linked_file(folder: Path, file: Path) -> None:
    file.rename(folder / "elsewhere")
    file.symlink_to("elsewhere")


def writable_file(folder: Path, file: Path) -> None:
    file.chmod(0o666)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(
    "change",
    [of_another_user, folder_of_another_user, writable_by_all, writable_by_a_group, linked_file, writable_file],
)
def test_code_that_somebody_else_could_have_written_is_not_used(
    tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    cache = tmp_path / "cache"
    run(TOKIT_CACHE_DIR=str(cache))
    (file,) = cache.glob("*/move_pairs.o")
    change(file.parent, file)
    said = run(TOKIT_CACHE_DIR=str(cache))
    assert "no machine code is loaded from there" in said
    assert said.endswith("\nnumba\n")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other permissions")
def test_trust_in_places(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert distrust(folder) == ""
    folder.chmod(0o757)
    assert distrust(folder) == f"everybody may write to {folder}"
    folder.chmod(0o1777)
    assert distrust(folder) == f"everybody may write to {folder}"
    (folder / "c").mkdir(mode=0o755)
    assert distrust(folder / "c") == ""
    (tmp_path / "link").symlink_to(folder / "c")
    assert distrust(tmp_path / "link") == f"{tmp_path / 'link'} is a link"
    (tmp_path / "way").symlink_to(folder)
    assert distrust(tmp_path / "way" / "c") == ""
    with pytest.raises(OSError, match="No such file"):
        distrust(tmp_path / "missing")


def test_a_package_that_cannot_be_written_uses_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKIT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setattr(loader, "PACKAGE_CACHE", blocked)
    loader.folders.cache_clear()
    try:
        loader._keep("move_pairs", "symbol", b"code")
        (written,) = (tmp_path / "cache" / "tokit").glob("kernels-*/move_pairs.o")
        assert written.read_bytes() == loader._sealed("symbol", b"code")
    finally:
        loader.folders.cache_clear()


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No kernel was compiled, in this process or before."""
    monkeypatch.setattr(loader, "_ready", {})
    monkeypatch.setattr(loader, "_declined", {})
    monkeypatch.setattr(loader, "_announced", [])
    monkeypatch.setenv("TOKIT_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv(engine.VARIABLE, raising=False)
    loader.folders.cache_clear()
    yield
    loader.folders.cache_clear()


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644), (0, 0o644)])
def test_umask_applies_to_the_cache(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        loader._keep("move_pairs", "symbol", b"code")
    finally:
        os.umask(before)
    (written,) = tmp_path.glob("*/*")
    assert written.name == "move_pairs.o"
    assert stat.S_IMODE(written.stat().st_mode) == mode


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_failed_write_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failing: str) -> None:
    def full(path: Path, *_: object) -> None:
        if failing == "write_bytes":
            with path.open("wb") as file:
                file.write(b"half")
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, failing, full)
    loader._keep("move_pairs", "symbol", b"code")
    assert list(tmp_path.glob("*/*")) == []


def test_no_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKIT_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert list(loader._places()) == [loader.PACKAGE_CACHE]


def test_unwritable_cache_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    assert run(TOKIT_CACHE_DIR=str(blocked)).endswith("\nnumba\n")


@pytest.mark.usefixtures("nothing_compiled")
def test_small_work_compiles_nothing() -> None:
    assert not loader.kernel_pays_off("count_block", loader.WORTH_LOADING - 1)
    assert not loader.kernel_pays_off("count_block", loader.WORTH_COMPILING - 1)
    assert loader.kernel_pays_off("count_block", loader.WORTH_COMPILING)
    half = loader.WORTH_COMPILING // 2
    assert [loader.kernel_pays_off("decode_ids", half), loader.kernel_pays_off("decode_ids", half)] == [False, True]


class CompilingError(Exception):
    """A kernel was asked for."""


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("entry", ["count_block", "encode_block"])
def test_small_pieces_of_work_add_up(monkeypatch: pytest.MonkeyPatch, bpe_folder: Path, entry: str) -> None:
    sizes: list[int] = []

    def compiled(_name: str) -> tuple[str, bytes]:
        raise CompilingError

    monkeypatch.setattr(loader, "_compiled", compiled)
    monkeypatch.setattr(loader, "WORTH_LOADING", 1 << 12)
    monkeypatch.setattr(loader, "WORTH_COMPILING", 1 << 16)
    tokenizer, counter = load_tokenizer(bpe_folder), PreTokenCounter(TextPipeline(pre_tokenizer="gpt2"))
    take = counter.add if entry == "count_block" else tokenizer.encode_block
    block = Block.of([b"some text " * 50])
    with pytest.raises(CompilingError):
        while sum(sizes) < 1 << 20:
            sizes.append(len(block.data))
            take(block)
    assert (1 << 16) - len(block.data) <= sum(sizes) <= (1 << 16) + (1 << 12)


@pytest.mark.parametrize(("name", "expected"), [("kernels", True), ("reference", False), ("", False)])
def test_chosen_engine_does_work_of_any_size(monkeypatch: pytest.MonkeyPatch, name: str, expected: bool) -> None:
    monkeypatch.setenv(engine.VARIABLE, name)
    assert loader.kernel_pays_off("count_block", 0) is expected
    if name:
        assert loader.kernel_pays_off("count_block", 1 << 60) is expected


def test_unknown_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.VARIABLE, "kernel")
    with pytest.raises(UsageError, match="unknown engine 'kernel'") as caught:
        loader.kernel_pays_off("count_block", 0)
    assert caught.value.hint == "did you mean 'kernels'?"


def test_strided_arrays_are_refused() -> None:
    call = loader._callable(lambda _packed: 7)
    every = np.arange(10)
    assert call(every, every[:0], every[3:4], every.reshape(5, 2), 1) == 7
    for gaps in (every[::2], every[::-1], every.reshape(5, 2).T):
        with pytest.raises(ValueError, match="argument 1 of a kernel is not contiguous"):
            call(every, gaps)


def test_every_entry_is_defined_in_its_module() -> None:
    for name, module in loader.ENTRIES.items():
        source = (ROOT / "tokit" / "kernels" / f"{module.replace('.', '/')}.py").read_text("utf-8")
        assert f"\ndef {name}(a):" in source
