"""Failures of the tokenizer libraries as errors that name the tokenizer, and the text that it fails on.

`tokenizers` raises a bare `Exception`, a panic of its Rust code is no `Exception` at all, and SentencePiece raises a
`RuntimeError`. A panic also prints a trace to standard error, which is held back where that is safe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from tokit.errors import ArtifactError

Result = TypeVar("Result")
STDERR = 2
SHOWN_CHARACTERS = 60
# File descriptors belong to the whole process.
_holding = threading.RLock()


def is_library_failure(error: BaseException) -> bool:
    """True for what only a library raises: subclasses are errors of their own, such as those of wrong arguments."""
    return type(error) in (Exception, RuntimeError) or type(error).__name__ == "PanicException"


@contextmanager
def library_opens(
    path: str | Path, what: str = "cannot be opened", *, refusal: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn a failure of the library that opens a file into an error.

    Args:
        path: The file, for the message.
        what: The middle of the message.
        refusal: Further exceptions that the library raises, where nothing else can raise them.

    Raises:
        ArtifactError: the library refused the file, or panicked.
    """
    try:
        with _held_stderr():
            yield
    except BaseException as error:
        if not isinstance(error, refusal) and not is_library_failure(error):
            raise
        raise ArtifactError(
            f"{path}: {what}: {reason(error)}", hint="truncated or damaged? fetch or make it again"
        ) from error


def run_library(run: Callable[[Sequence[Any]], Result], items: Sequence[Any], name: str) -> Result:
    """Run a library on a batch.

    Args:
        run: Encodes or decodes a batch.
        items: Texts, pairs of texts, or lists of ids.
        name: Path of the tokenizer, for the message.

    Raises:
        ArtifactError: the library failed; the message has the first item that it fails on.
    """
    try:
        with panics_held_back():
            return run(items)
    except BaseException as error:
        if not is_library_failure(error):
            raise
        item, cause = _first_failure(run, items, error)
        hint = "its files do not cover this text; use another tokenizer, or leave the text out"
        raise failure_on(item, cause, name or "the tokenizer", hint) from error


def failure_on(item: Any, error: BaseException, name: str, hint: str) -> ArtifactError:
    """The error of a library that fails on a text, a pair, or a list of ids."""
    return ArtifactError(f"{name} fails on {_shown(item)}: {reason(error)}", hint=hint)


def reason(error: BaseException) -> str:
    """First line of what a library says."""
    text = next(iter(str(error).splitlines()), "").strip()
    return text or "its library failed without a message"


def _first_failure(
    run: Callable[[Sequence[Any]], Any], items: Sequence[Any], error: BaseException
) -> tuple[Any, BaseException]:
    first, last = 0, len(items)
    while last - first > 1:
        middle = (first + last) // 2
        failure = _failure(run, items[first:middle])
        if failure is None:
            first = middle
        else:
            last, error = middle, failure
    return (items[first] if items else ""), error


def _failure(run: Callable[[Sequence[Any]], Any], items: Sequence[Any]) -> BaseException | None:
    try:
        with _held_stderr():
            run(items)
    except BaseException as error:
        if not is_library_failure(error):
            raise
        return error
    return None


def _shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


@contextmanager
def panics_held_back() -> Iterator[None]:
    """Hold back the trace of a panic while this is the only thread: others may have something to say."""
    if threading.active_count() > 1:
        yield
        return
    with _held_stderr():
        yield


@contextmanager
def _held_stderr() -> Iterator[None]:
    """Hold back what is written to standard error; what was no trace of a failure is written at the end."""
    with _holding:
        held = _scratch_file()
        try:
            saved = os.dup(STDERR) if held is not None else None
        except OSError:  # it is closed
            saved = None
        if held is None or saved is None:
            yield
            return
        os.dup2(held, STDERR)
        failed = False
        try:
            yield
        except BaseException as error:
            failed = is_library_failure(error)
            raise
        finally:
            os.dup2(saved, STDERR)
            _pass_on(held, None if failed else saved)
            os.close(saved)


def _scratch_file() -> int | None:
    """A file in memory; None where the system has none, and a panic is then seen."""
    return os.memfd_create("stderr") if hasattr(os, "memfd_create") else None


def _pass_on(held: int, target: int | None) -> None:
    """Close a scratch file, and write its content to another before."""
    size = os.lseek(held, 0, os.SEEK_CUR)
    if target is not None and size:
        os.lseek(held, 0, os.SEEK_SET)
        with suppress(OSError):
            os.write(target, os.read(held, size))
    os.close(held)
