"""Object files of kernels, loaded without LLVM: the same code at another address."""

from __future__ import annotations

import platform
import struct
import sys

import numpy as np
import pytest

from tokit.kernels.compiled import elf, loader

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="LLVM loads them elsewhere"
)


@pytest.fixture(scope="module")
def compiled() -> tuple[str, bytes]:
    """A kernel whose functions call each other."""
    return loader._cached("parse_ids") or loader._compiled("parse_ids")


def parsed(address: int) -> list[int]:
    kernel = loader._callable(loader._function(address))
    lines = [b"17 65535 0", b"", b"3"]
    data, line_ends = np.frombuffer(b"".join(lines), dtype=np.uint8), np.cumsum([len(line) for line in lines])
    ids, ends = np.zeros(8, dtype=np.uint32), np.zeros(3, dtype=np.int64)
    return [kernel(data, line_ends, 65536, ids, ends), *ids[:4].tolist(), *ends.tolist()]


def test_result_equals_that_of_llvm(compiled: tuple[str, bytes]) -> None:
    symbol, code = compiled
    by_us = elf.load(code, symbol, loader._outside)
    by_llvm = loader._linked_by_llvm(symbol, code)
    assert by_us != by_llvm
    assert parsed(by_us) == parsed(by_llvm) == [4, 17, 65535, 0, 3, 3, 3, 4]


def test_unknown_files_are_refused(compiled: tuple[str, bytes]) -> None:
    symbol, code = compiled
    other_machine = code[:18] + struct.pack("<H", 183) + code[20:]
    for wrong in (b"", b"\xcf\xfa\xed\xfe" + code[4:], other_machine):
        with pytest.raises(elf.UnknownObjectError):
            elf.load(wrong, symbol, loader._outside)
    with pytest.raises(elf.UnknownObjectError):
        elf.load(code, "no_such_entry", loader._outside)


def test_unknown_relocation_is_refused(compiled: tuple[str, bytes]) -> None:
    symbol, code = compiled
    parts = elf._Object(code)
    for section in parts.sections:
        if section.kind == elf._RELOCATIONS and parts.is_loaded(parts.sections[section.info]):
            broken = bytearray(code)
            # The low half of a relocation's second number is its kind.
            struct.pack_into("<I", broken, section.offset + 8, 2)
            with pytest.raises(elf.UnknownObjectError, match="relocation 2"):
                elf.load(bytes(broken), symbol, loader._outside)


def test_kernels_are_loaded_without_llvm(monkeypatch: pytest.MonkeyPatch, compiled: tuple[str, bytes]) -> None:
    def refuse(symbol: str, code: bytes) -> int:
        raise AssertionError("LLVM was asked")

    monkeypatch.setattr(loader, "_linked_by_llvm", refuse)
    loader._linked(*compiled)
