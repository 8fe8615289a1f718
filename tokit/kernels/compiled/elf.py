"""Minimal ELF loader for the object files of kernels, on Linux and x86-64.

LLVM could do it too, at 30 ms and 50 MB a process (docs/kernels.md). It compiles kernels for the large code model, so
each relocation is a whole address. Anything else is refused.
Executable and Linkable Format, https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

_MAGIC, _RELOCATABLE, _X86_64 = b"\x7fELF\x02\x01", 1, 62
_NO_BITS, _RELOCATIONS, _ALLOCATED, _ADDRESS = 8, 4, 2, 1
# Section numbers from here on have a special meaning.
_RESERVED = 0xFF00
_FRAMES = b".eh_frame"
# Kernels have some hundred kilobytes.
_LARGEST = 1 << 26

_loaded: list[mmap.mmap] = []


class UnknownObjectError(ValueError):
    """The file is of another kind, or holds what kernels do not have."""


class DamagedObjectError(ValueError):
    """The file is not what a compiler wrote: nothing of it may be run, by whatever linker."""


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int


class _Object:
    """The parts of an object file."""

    def __init__(self, code: bytes) -> None:
        if code[:4] != _MAGIC[:4]:
            raise DamagedObjectError("no object file")
        if code[:6] != _MAGIC or struct.unpack_from("<HH", code, 16) != (_RELOCATABLE, _X86_64):
            raise UnknownObjectError("not an object file for Linux on x86-64")
        first, size, count, names = *struct.unpack_from("<Q", code, 40), *struct.unpack_from("<HHH", code, 58)
        self.code = code
        self.sections = [_Section(*struct.unpack_from("<IIQQQQIIQQ", code, first + k * size)) for k in range(count)]
        self._names = self.sections[names]

    def text(self, strings: _Section, offset: int) -> bytes:
        """A string of a section of strings."""
        start = strings.offset + offset
        return self.code[start : self.code.index(b"\0", start)]

    def is_loaded(self, section: _Section) -> bool:
        """Check that a section is code or data; tables for unwinding are not needed, as nothing is raised."""
        return bool(section.flags & _ALLOCATED) and not self.text(self._names, section.name).startswith(_FRAMES)

    def symbols(self, section: _Section) -> list[tuple[bytes, int, int]]:
        """(name, section, value) of each symbol in a table."""
        rows = struct.iter_unpack("<IBBHQQ", self.code[section.offset : section.offset + section.size])
        strings = self.sections[section.link]
        return [(self.text(strings, name), place, value) for name, _, _, place, value, _ in rows]


def load(code: bytes, entry: str, outside: Callable[[str], int]) -> int:
    """Load an object file; it stays in memory until the process ends.

    Args:
        code: The file.
        entry: A symbol in it.
        outside: Gives the address of a symbol that is not in it.

    Returns:
        The address of the entry.

    Raises:
        UnknownObjectError: it is of another kind; LLVM may be able to load it.
        DamagedObjectError: it is no object file, or a part of it lies outside of it.
    """
    if not sys.platform.startswith("linux"):
        raise UnknownObjectError("not on Linux")
    try:
        return _load(code, entry, outside)
    except (UnknownObjectError, DamagedObjectError):
        raise
    except (struct.error, IndexError, KeyError, ValueError, OverflowError) as error:
        raise DamagedObjectError(f"a part of the file lies outside of it: {error}") from error


def _load(code: bytes, entry: str, outside: Callable[[str], int]) -> int:
    parts = _Object(code)
    image, places = _laid_out(parts)
    memory = mmap.mmap(-1, max(len(image), 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    found = _relocated(parts, image, places, base, outside)
    memory[: len(image)] = bytes(image)
    if not base <= found.get(entry.encode(), base) < base + len(image):
        raise DamagedObjectError(f"'{entry}' lies outside of the code")
    if entry.encode() not in found or ctypes.CDLL(None).mprotect(
        ctypes.c_void_p(base), ctypes.c_size_t(len(memory)), mmap.PROT_READ | mmap.PROT_EXEC
    ):
        raise UnknownObjectError("no such symbol, or memory may not be made executable")
    _loaded.append(memory)
    return found[entry.encode()]


def _laid_out(parts: _Object) -> tuple[bytearray, dict[int, int]]:
    """Lay the sections out one after another; returns them, and where each starts."""
    image, places = bytearray(), {}
    for number, section in enumerate(parts.sections):
        if parts.is_loaded(section):
            if section.align > mmap.PAGESIZE or len(image) + section.size > _LARGEST:
                raise DamagedObjectError("a section of a size or place that no kernel has")
            image += bytes(-len(image) % max(section.align, 1))
            places[number] = len(image)
            content = b"" if section.kind == _NO_BITS else parts.code[section.offset : section.offset + section.size]
            image += content.ljust(section.size, b"\0")
    return image, places


def _relocated(
    parts: _Object, image: bytearray, places: dict[int, int], base: int, outside: Callable[[str], int]
) -> dict[bytes, int]:
    """Fill in addresses; returns those of all symbols that have one."""
    found: dict[bytes, int] = {}
    for section in parts.sections:
        if section.kind != _RELOCATIONS or section.info not in places:
            continue
        symbols = parts.symbols(parts.sections[section.link])
        found |= {name: base + places[place] + value for name, place, value in symbols if place in places}
        rows = struct.iter_unpack("<QIIq", parts.code[section.offset : section.offset + section.size])
        for offset, kind, symbol, addend in rows:
            name, place, value = symbols[symbol]
            if kind != _ADDRESS or place >= _RESERVED or (place and place not in places):
                raise UnknownObjectError(f"relocation {kind} of '{name.decode()}'")
            address = base + places[place] + value if place else outside(name.decode())
            struct.pack_into("<Q", image, places[section.info] + offset, address + addend)
    return found
