"""`tokit`: finds the command, runs it, and turns what went wrong into two lines and an exit code.

A command's module is imported when it is called; help needs all of them, but none of the engines under them.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer

from tokit import kernels
from tokit.cli import console
from tokit.errors import TokitError, UsageError
from tokit.registry import did_you_mean

COMMANDS = {
    "train": "tokit.cli.train:train",
    "count": "tokit.cli.count:count",
    "encode": "tokit.cli.encode:encode",
    "decode": "tokit.cli.decode:decode",
    "compare": "tokit.cli.compare:compare",
    "wc": "tokit.cli.wc:wc",
    "show": "tokit.cli.show:show",
    "fit": "tokit.cli.fit:fit",
    "finetune": "tokit.cli.finetune:finetune",
    "import": "tokit.cli.import_:import_",
    "export": "tokit.cli.export:export",
    "embed": "tokit.cli.embed:embed",
    "attention": "tokit.cli.attention:attention",
    "distil": "tokit.cli.distill:distil",
    "near": "tokit.cli.near:near",
    "analogy": "tokit.cli.near:analogy",
    "eval": "tokit.cli.eval:evaluate",
    "inspect": "tokit.cli.inspect:inspect",
    "demo": "tokit.cli.demo:demo",
}
# Commands with words that may look like options: what tells them apart before the command line is parsed.
MARKERS = {"near": "tokit.cli.near:marked"}
INTERRUPTED, TERMINATED = 130, 143


class Terminated(BaseException):
    """SIGTERM: what is half done is cleaned up on the way out."""


def run() -> NoReturn:
    """The program: runs `sys.argv` and exits."""
    signal.signal(signal.SIGTERM, _terminate)
    # Typer parses with pydantic, which would look through every installed package for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _buffer_output()
    code = main(sys.argv[1:])
    _flush()
    # Files are closed and written by now. Taking the engines apart would cost a line in a pipe a fifth of its time,
    # and after an interrupt one of them may still compute in a thread of its own.
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors are rendered to standard error."""
    kernels.listen(console.note)
    try:
        return execute(argv)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        return _exit_code(error)


def execute(argv: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors are raised."""
    try:
        result = _app(argv)(args=_marked(argv), prog_name="tokit", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as error:
        # Typer turns a broken pipe into an exit of its own.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    # Typer turns Ctrl-C into this code without a word.
    if result == INTERRUPTED:
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


def _app(argv: Sequence[str]) -> typer.Typer:
    """The program with the one command that is called, or with all of them for the help."""
    app = typer.Typer(
        name="tokit",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    called = next((word for word in argv if not word.startswith("-")), None)
    if called is not None and called not in COMMANDS:
        raise UsageError(f"no command '{called}'", hint=did_you_mean(called, list(COMMANDS)))
    for name in [called] if called else COMMANDS:
        module, _, function = COMMANDS[name].partition(":")
        app.command(name)(getattr(import_module(module), function))
    return app


def _marked(argv: Sequence[str]) -> list[str]:
    if not argv or argv[0] not in MARKERS:
        return list(argv)
    module, _, function = MARKERS[argv[0]].partition(":")
    words: list[str] = getattr(import_module(module), function)(argv)
    return words


def _root(context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Train and compare tokenizers, fit embeddings on them, and leave on disk what transformer libraries load."""
    if version:
        from tokit import __version__

        typer.echo(f"tokit {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _exit_code(error: BaseException) -> int:  # noqa: PLR0911 - one line a kind of end
    if isinstance(error, TokitError):
        return _say(error.message, error.hint, error.exit_code)
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return _say("interrupted", "", INTERRUPTED)
    if isinstance(error, Terminated):
        return _say("terminated", "", TERMINATED)
    if isinstance(error, BrokenPipeError):
        # The reader has gone (`tokit … | head`), which is no fault of anybody.
        return _abandon_output()
    if isinstance(error, MemoryError):
        return _say("out of memory", "try a smaller vocabulary, fewer threads or a part of the corpus", 1)
    if isinstance(error, OSError):
        return _say(_os_message(error), _os_hint(error), 1)
    raise error


def _say(message: str, hint: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)  # noqa: T201
    if hint:
        print(f"hint: {hint}", file=sys.stderr)  # noqa: T201
    return code


def _usage(error: typer.TyperException) -> int:
    context: Any = getattr(error, "ctx", None)
    name = context.command_path if context is not None else "tokit"
    near: Sequence[str] = getattr(error, "possibilities", None) or ()
    hint = f"did you mean {' or '.join(sorted(near))}?" if near else f"{name} --help lists what it takes"
    message = getattr(error, "message", "") if near else error.format_message()
    return _say(str(message).rstrip("."), hint, 2)


def _os_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _os_hint(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full; free some space or write elsewhere"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "check who may read and write there"
    return "check the path"


def _abandon_output() -> int:
    """Nobody can take standard output any more: keep Python from trying again, and complaining, at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _buffer_output() -> None:
    """Undo PYTHONUNBUFFERED for standard output: a raw write may be short, and the rest would be lost unnoticed."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), sys.stdout.encoding, sys.stdout.errors, line_buffering=True
        )


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
