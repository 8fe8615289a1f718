"""The program: runs a command line and turns an error into two lines and an exit code."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer

from tokit import kernels
from tokit.cli.card_options import ARGUMENTS
from tokit.cli.commands import GROUPS, CommandGroup, command_of, summary_of
from tokit.cli.hints import usage_hint
from tokit.cli.output import note, say
from tokit.errors import TokitError
from tokit.storage.recorded_request import one_request
from tokit.tokenizer import notes

INTERRUPTED, TERMINATED = 130, 143


class Terminated(BaseException):
    """SIGTERM arrived: unfinished output is removed on the way out."""


class Program(CommandGroup):
    """All commands in their groups."""

    def __init__(self, *, commands: Any, **settings: Any) -> None:
        settings |= {"options_metavar": "", "subcommand_metavar": "COMMAND [ARGUMENTS]... [OPTIONS]"}
        settings.pop("rich_markup_mode")
        super().__init__(commands=commands, sections=GROUPS, make=command_of, summary=summary_of, **settings)


def run() -> NoReturn:
    """The program: runs `sys.argv` and exits."""
    # Windows ends a process without asking it: there the handler is never called.
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Typer parses with pydantic, which would look through every installed package for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _buffer_output()
    _encode_output()
    code = main(sys.argv[1:])
    _flush()
    # Files are closed and written by now. Taking the engines apart would cost a line in a pipe a fifth of its time,
    # and after an interrupt one of them may still compute in a thread of its own.
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors are rendered to standard error."""
    kernels.listen(say)
    notes.listen(note)
    try:
        return execute(argv)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        return _exit_code(error, argv)


def execute(argv: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors are raised."""
    ARGUMENTS.set(tuple(argv))
    with one_request():
        return _execute(argv)


def _execute(argv: Sequence[str]) -> int:
    result = _parse(argv)
    # Work that ran inside Typer would have its dozen frames below it. Python keeps frames in chunks of 16 KiB, and a
    # loop that calls functions across the border of two chunks maps and unmaps memory at every call: importing NumPy
    # did so 3,000 times.
    if callable(result):
        result()
        sys.stdout.flush()
    return result if isinstance(result, int) else 0


def _parse(argv: Sequence[str]) -> Any:
    """The call of a command, ready to be made; an exit code where Typer has done everything, such as print a help."""
    try:
        result = _program()(args=list(argv), prog_name="tokit", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as error:
        # Typer turns a broken pipe into an exit of its own.
        if error.__context__ is not None and _is_broken_pipe(error.__context__):
            raise error.__context__ from None
        raise
    # Typer turns Ctrl-C into this code without a word.
    if result == INTERRUPTED:
        raise KeyboardInterrupt
    return result


def _program() -> typer.Typer:
    app = typer.Typer(
        name="tokit",
        cls=Program,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    return app


def _root(context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Train and compare tokenizers, fit embeddings on them, and leave on disk what transformer libraries load."""
    if version:
        from tokit import __version__

        typer.echo(f"tokit {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _exit_code(error: BaseException, argv: Sequence[str]) -> int:  # noqa: PLR0911 - one line a kind of end
    if isinstance(error, TokitError):
        return _fail(error.message, error.hint, error.exit_code)
    if isinstance(error, typer.TyperException):
        return _usage(error, argv)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return _fail("interrupted", "", INTERRUPTED)
    if isinstance(error, Terminated):
        return _fail("terminated", "", TERMINATED)
    if _is_broken_pipe(error):
        # The reader has gone (`tokit … | head`), which is not an error.
        return _abandon_output()
    if isinstance(error, MemoryError):
        return _fail("out of memory", "try a smaller vocabulary, fewer threads or a part of the corpus", 1)
    if isinstance(error, OSError):
        return _fail(_os_message(error), _os_hint(error), 1)
    raise error


def _is_broken_pipe(error: BaseException) -> bool:
    # Windows reports a pipe without a reader as an invalid argument.
    broken = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)
    return isinstance(error, OSError) and error.errno in broken and error.filename is None


def _fail(message: str, hint: str, code: int) -> int:
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    return code


def _usage(error: typer.TyperException, argv: Sequence[str]) -> int:
    # Typer's own suggestions are left to the hint.
    message = error.message if getattr(error, "possibilities", None) else error.format_message()
    return _fail(str(message).rstrip("."), usage_hint(error, argv), 2)


def _os_message(error: OSError) -> str:
    if error.errno == errno.EBADF and error.filename is None:
        return "standard output is closed"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _os_hint(error: OSError) -> str:
    if error.errno == errno.EBADF and error.filename is None:
        return "send it somewhere: tokit … > FILE, or > /dev/null"
    if error.errno == errno.ENOSPC:
        return "the disk is full; free some space or write elsewhere"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "check who may read and write there"
    return "check the path"


def _abandon_output() -> int:
    """Replace a standard output without a reader, so that Python does not try to flush it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _buffer_output() -> None:
    """Undo PYTHONUNBUFFERED for standard output: a raw write may be short, and the rest would be lost unnoticed."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), sys.stdout.encoding, sys.stdout.errors, line_buffering=True
        )


def _encode_output() -> None:
    """Write data in UTF-8 wherever they go, and to a terminal of another encoding what it lacks as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def _flush() -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        _abandon_output()


def _terminate(_signal: int, _frame: object) -> None:
    raise Terminated


if __name__ == "__main__":
    run()
