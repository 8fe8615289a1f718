"""Object files of kernels, loaded without LLVM: the same code at another address."""

from __future__ import annotations

import platform
import struct
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    with pytest.raises(elf.UnknownObjectError):
        elf.load(other_machine, symbol, loader._outside)
    for wrong in (b"", b"\xcf\xfa\xed\xfe" + code[4:], code[:100], code[:64] + bytes(200), code[: len(code) // 2]):
        with pytest.raises(elf.DamagedObjectError):
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


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_files_are_refused_or_loaded_and_never_crash(compiled: tuple[str, bytes], data: st.DataObject) -> None:
    symbol, code = compiled
    broken = bytearray(code)
    # The header and the table of sections, at its end, hold all sizes and places.
    table = int.from_bytes(code[40:48], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.one_of(st.integers(0, 63), st.integers(table, len(code) - 8)))
        size = data.draw(st.sampled_from([1, 2, 4, 8]))
        broken[place : place + size] = data.draw(st.binary(min_size=size, max_size=size))
    try:
        elf.load(bytes(broken), symbol, loader._outside)
    except (elf.UnknownObjectError, elf.DamagedObjectError, AttributeError):
        return
