"""Kernels as machine code, compiled once on a machine and then loaded without Numba.

Importing Numba takes longer than most commands run, so the object code of each entry is kept in a folder:
`TOKIT_CACHE_DIR` when it is set, else beside the package, else in the user's cache folder, else nowhere (then it is
compiled in each process). The folder's name holds a hash of all kernel sources and of the processor's features.
`docs/kernels.md` describes the cache, the two ways of linking, and how each is switched off.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tokit import kernels
from tokit.errors import UsageError
from tokit.kernels.compiled import elf
from tokit.runtime.engine import AUTO, KERNELS, chosen_engine
from tokit.runtime.memory import free_memory
from tokit.runtime.processor import processor_description
from tokit.runtime.trust import distrust
from tokit.storage.atomic_file import replacing

# Entry → the module of `tokit.kernels` that defines a function of that name.
ENTRIES = {
    "count_block": "train.count_pretokens",
    "pour_words": "train.count_pretokens",
    "list_words": "train.count_pretokens",
    "gather_words": "train.count_pretokens",
    "add_words": "train.count_pretokens",
    "encode_block": "encode.encode_block",
    "encode_characters": "encode.characters",
    "seed_words": "encode.word_cache",
    "index_pairs": "encode.bpe_merges",
    "learn_windows": "word2vec.train_documents",
    "hash_ngrams": "ngrams",
    "pool_means": "pooling",
    "count_pairs": "cooccurrence",
    "widen_table": "cooccurrence",
    "pour_pairs": "cooccurrence",
    "merge_pairs": "cooccurrence",
    "learn_glove": "glove",
    "multiply_rows": "sparse",
    "learn_merges": "train.learn_merges",
    "lay_words": "train.pair_table",
    "move_pairs": "train.pair_table",
    "split_lines": "lines",
    "hash_documents": "document_hashes",
    "find_changed": "normalization",
    "pack_ids": "id_bytes",
    "format_ids": "id_text",
    "parse_ids": "id_text",
    "decode_ids": "id_bytes",
    "count_ids": "id_bytes",
}
NEVER_CALLED = (
    "numba_do_raise", "numba_gil_ensure", "numba_gil_release", "numba_unpickle",
    "numba_runtime_build_excinfo_struct", "NRT_Free", "NRT_MemInfo_call_dtor",
)  # fmt: skip
PACKAGE_CACHE = Path(__file__).parents[1] / "__pycache__"
# Bytes of text that the libraries process in the time that it takes to load a kernel, and to compile it.
WORTH_LOADING, WORTH_COMPILING = 1 << 18, 1 << 24
# Bytes of address space that Numba and LLVM take to import and compile.
COMPILER_MEMORY = 1 << 30
Argument: TypeAlias = "np.ndarray[Any, Any] | int"
Kernel: TypeAlias = Callable[..., int]

_lock = threading.Lock()
_ready: dict[str, Kernel] = {}
_declined: dict[str, int] = {}
_announced: list[bool] = []
_distrusted: list[str] = []


def kernel(name: str) -> Kernel:
    """Load an entry, or compile it.

    It is called with C-contiguous arrays of the types that its source names, and integers, and returns an int. Other
    threads run meanwhile.

    Raises:
        KeyError: there is no such entry.
    """
    with _lock:
        if name not in _ready:
            _ready[name] = _callable(_from_cache(name) or _linked(*_compiled(name)))
        return _ready[name]


def _from_cache(name: str) -> Callable[[Any], int] | None:
    """A kernel that was compiled earlier; None where there is none, or a damaged one."""
    found = _cached(name)
    try:
        return _linked(*found) if found is not None else None
    except elf.DamagedObjectError:
        return None


def _callable(function: Callable[[Any], int]) -> Kernel:
    def call(*arguments: Argument) -> int:
        packed = (ctypes.c_int64 * (2 * len(arguments)))()
        for k, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                memory = argument.__array_interface__
                # Only an array that is not C-contiguous has strides here.
                if memory["strides"] is not None:
                    raise ValueError(f"argument {k} of a kernel is not contiguous")
                packed[2 * k] = memory["data"][0]
                packed[2 * k + 1] = argument.size
            else:
                packed[2 * k] = int(argument)
        return int(function(packed))

    return call


def kernel_pays_off(name: str, size: int, seen: int = 0) -> bool:
    """Check that a kernel is worth loading, or even compiling; or that the user chose the kernels.

    A kernel that is not compiled yet pays off once small pieces of work add up to a large one.

    Args:
        name: The entry.
        size: Bytes of text to process now.
        seen: Bytes that the same caller has asked about before.
    """
    if chosen_engine() != AUTO:
        return chosen_engine() == KERNELS
    if seen + size < WORTH_LOADING:
        return False
    if name in _ready or _cached(name) is not None:
        return True
    if not _has_room_to_compile():
        return False
    # Where one kernel was compiled, the others that work with it may be too.
    if seen + size >= WORTH_COMPILING or _announced:
        return True
    # Much work may come in small pieces.
    _declined[name] = _declined.get(name, 0) + size
    return _declined[name] >= WORTH_COMPILING


def _cached(name: str) -> tuple[str, bytes] | None:
    for folder in folders():
        path = folder / f"{name}.o"
        try:
            # Machine code of somebody else would run with the rights of this user.
            if not _is_trusted(path):
                continue
            content = path.read_bytes()
        except OSError:
            continue
        digest, _, sealed = content.partition(b"\n")
        symbol, _, code = sealed.partition(b"\n")
        # A truncated file would crash the process. Against others than accidents stands the owner of the file.
        if digest == hashlib.sha256(sealed).hexdigest().encode():
            return symbol.decode(), code
    return None


def _is_trusted(path: Path) -> bool:
    """Check that nobody else could have written a file or folder of the cache; if somebody could, that is said once.

    Raises:
        OSError: there is no such file.
    """
    # Who owns the package could as well have changed its sources.
    owners = (Path(__file__).stat().st_uid,) if path.is_relative_to(PACKAGE_CACHE) else ()
    reason = distrust(path, owners)
    if reason and reason not in _distrusted:
        _distrusted.append(reason)
        kernels.announce(f"{reason}: no machine code is loaded from there (docs/kernels.md)")
    return not reason


def _sealed(symbol: str, code: bytes) -> bytes:
    content = symbol.encode() + b"\n" + code
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _has_room_to_compile() -> bool:
    free = free_memory()
    return free is None or free >= COMPILER_MEMORY


def _compiled(name: str) -> tuple[str, bytes]:
    """Compile an entry, and keep it.

    Raises:
        UsageError: there is no memory for it; the compiler would end the process.
    """
    if not _has_room_to_compile():
        raise UsageError(
            f"compiling for this processor needs {COMPILER_MEMORY >> 20:,} MiB, more than this process may take",
            hint="run the command once without the limit on its memory: the result of compiling is kept",
        )
    if not _announced:
        _announced.append(True)
        kernels.announce("compiling for this processor: once, and it takes some seconds")
    symbol, code = _object_code(getattr(import_module(f"tokit.kernels.{ENTRIES[name]}"), name))
    _keep(name, symbol, code)
    return symbol, code


def _object_code(source: Callable[[Any], int]) -> tuple[str, bytes]:
    """Compile a function to an object file, with Numba; returns the symbol of its entry, and the file.

    Numba has no public way to an object file. All of its private names that are used stand here, and pyproject.toml
    bounds its version; for a new one, run `tests/kernels/test_loader.py`.
    """
    from numba import cfunc, types

    entry = cfunc(types.int64(types.CPointer(types.int64)), nopython=True, error_model="numpy")(source)
    library = entry._library
    return entry._wrapper_name, bytes(library._codegen._tm.emit_object(library._final_module))


def _keep(name: str, symbol: str, code: bytes) -> None:
    """Write the code into the first folder that can be written."""
    for folder in folders():
        try:
            _make_folders(folder)
            if not _is_trusted(folder):
                continue
            _write(folder / f"{name}.o", _sealed(symbol, code))
        except OSError:
            continue
        return


def _make_folders(folder: Path) -> None:
    """Make a folder and those on its way; nobody but their owner may write there, whatever the umask."""
    for place in (*reversed(folder.parents), folder):
        if not place.is_dir():
            place.mkdir(mode=0o755, exist_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write a file that others may read and only its owner may write, whole or not at all.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    # The umask decides who may read it; a file of `tempfile` would be its owner's alone.
    with replacing(path, path.with_name(f"{path.name}.{os.urandom(8).hex()}"), sync=False) as draft:
        draft.write_bytes(content)
        draft.chmod(draft.stat().st_mode & ~0o022)


@cache
def folders() -> tuple[Path, ...]:
    """Folders that machine code is read from, in order; it is written to the first that can be written."""
    return tuple(place / _key() for place in _places())


def _places() -> Iterator[Path]:
    named = os.environ.get("TOKIT_CACHE_DIR")
    if named:
        yield Path(named)
        return
    yield PACKAGE_CACHE
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - does not raise
    # Without a home directory "~" stays, and would name a folder here.
    if home.is_absolute():
        yield home / "tokit"


@cache
def _key() -> str:
    """The name of a cache folder: a hash of the sources, the compiler and the processor."""
    import llvmlite

    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    digest.update(f"{llvmlite.__version__} {_processor()}".encode())
    return f"kernels-{digest.hexdigest()[:16]}"


def _processor() -> str:
    """The processor and its features, as the system lists them, or else as LLVM does."""
    lines = processor_description().splitlines()
    features = [line for line in lines if line.startswith(("cpu family", "model", "flags"))]
    if any(line.startswith("flags") for line in features):
        return "\n".join(features)
    from llvmlite import binding

    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


def _outside(symbol: str) -> int:
    """The address of a function of the C library that a kernel may call."""
    # Kernels neither raise nor allocate, but the compiler cannot always see that, and leaves calls in.
    name = "abort" if symbol in NEVER_CALLED else symbol
    # On Windows the process itself is no library.
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    return address or 0


def _linked(symbol: str, code: bytes) -> Callable[[Any], int]:
    try:
        address = elf.load(code, symbol, _outside)
    except (elf.UnknownObjectError, AttributeError):
        address = _linked_by_llvm(symbol, code)
    return _function(address)


def _function(address: int) -> Callable[[Any], int]:
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address)


def _linked_by_llvm(symbol: str, code: bytes) -> int:
    from llvmlite import binding

    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return int(engine.get_function_address(symbol))


@cache
def _engine() -> Any:
    from llvmlite import binding

    for symbol in NEVER_CALLED:
        binding.add_symbol(symbol, _outside(symbol))
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
