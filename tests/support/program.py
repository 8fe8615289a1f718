"""The program under test: how a command ended, its standard streams, and checks of its errors."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# The entry of a manifest, as `dump_json` writes it.
REQUEST = re.compile(rb'^  "request": \{\n.*?^  \},\n', re.MULTILINE | re.DOTALL)
ROOT = Path(__file__).parents[2]
TOKIT = (sys.executable, "-m", "tokit")
# Seconds that a command may take.
LIMIT = 60


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode("utf-8")


@contextmanager
def standard_streams(stdin: bytes) -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """Standard input is a real pipe on descriptor 0; what is written is caught as bytes."""
    reading, writing = os.pipe()
    feeder = threading.Thread(target=_feed, args=(writing, stdin))
    kept, before = os.dup(0), (sys.stdin, sys.stdout, sys.stderr)
    os.dup2(reading, 0)
    os.close(reading)
    feeder.start()
    out, err = io.BytesIO(), io.BytesIO()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stdout = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    sys.stderr = io.TextIOWrapper(err, encoding="utf-8", newline="", write_through=True)
    try:
        yield out, err
    finally:
        ours = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = before
        ours[0].close()
        for stream in ours[1:]:
            stream.detach()
        # The last reading end goes, so that a feeder with more to say ends too.
        os.dup2(kept, 0)
        os.close(kept)
        feeder.join()


def _feed(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", buffering=0) as pipe:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[pipe.write(rest) :]
        except BrokenPipeError:
            return


def assert_error(ran: Ran, code: int, *parts: str) -> None:
    """One `error:` line, one `hint:` line, the exit code, nothing on standard output; the parts stand in it."""
    said = ran.err.splitlines()
    assert ran.code == code, ran.err
    assert ran.out == b""
    assert [line.split(":")[0] for line in said] == ["error", "hint"], ran.err
    for part in parts:
        assert part in ran.err


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, without the command that made it: the model card, and an entry of the manifest."""
    return {
        path.relative_to(folder).as_posix(): REQUEST.sub(b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "README.md"
    }


def bench(*arguments: str, module: str = "tests.bench", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        # Some of them compile kernels, on a machine that may have other work.
        timeout=3 * LIMIT,
        check=False,
        cwd=ROOT,
    )
