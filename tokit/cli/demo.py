"""`tokit demo`: from bundled text to an embedding, by the commands that a user would type."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tokit.cli.formatting import human_bytes
from tokit.cli.options import OverwriteOpt
from tokit.errors import ArtifactError

DemoOutOpt = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder to write everything to.")]

TEXT = ("@wiki", "@lee")
WORDS = ("music", "language", "election")


def demo(out: DemoOutOpt = Path("tokit-demo"), overwrite: OverwriteOpt = False) -> None:
    """Train tokenizers and fit an embedding on bundled text, in about a minute.

    $ tokit demo

    `tokit inspect @` describes the text.
    """
    from tokit.cli.main import execute

    if out.exists() and not overwrite:
        raise ArtifactError(f"{out} exists", hint="pass --overwrite, or another -o")
    for title, command in steps(out, overwrite=overwrite):
        sys.stdout.write(f"\n{_strong(title)}\n$ tokit {shlex.join(command)}\n")
        sys.stdout.flush()
        execute(command)
    sys.stdout.write(f"\n{_strong('Files written')}\n")
    sys.stdout.writelines(f"{line}\n" for line in tree(out))
    sys.stdout.write(f"\n{_strong('Next commands to try')}\n")
    sys.stdout.writelines(f"  {line}\n" for line in next_commands(out))


def steps(out: Path, *, overwrite: bool) -> list[tuple[str, list[str]]]:
    """(title, command line) of each step."""
    again = ["--overwrite"] if overwrite else []
    counts = ["--counts", f"{out}/counts"]
    return [
        ("A word tokenizer, trained on Wikipedia articles and news",
         ["train", "word", *TEXT, "-v", "8000", "-o", f"{out}/word", *again]),
        ("The words of the text counted once, pre-tokenized as for GPT-2, to train more tokenizers from",
         ["count", *TEXT, "-o", f"{out}/counts", *again]),
        ("A character tokenizer", ["train", "char", *counts, "-o", f"{out}/char", *again]),
        ("A byte-level BPE tokenizer", ["train", "bpe", *counts, "-v", "8000", "-o", f"{out}/bpe", *again]),
        ("The three side by side (tokit compare --explain defines the columns)",
         ["compare", f"{out}/word", f"{out}/char", f"{out}/bpe", "-c", "@lee"]),
        ("The tokens of a text",
         ["show", "Tokenizers split unfamiliar words, such as floccinaucinihilipilification.", "-t", f"{out}/bpe"]),
        ("An embedding of the BPE tokens",
         ["fit", "skipgram", *TEXT, "-t", f"{out}/bpe", "-d", "100", "--epochs", "10",
          "-o", f"{out}/vectors", *again]),
        ("Its neighbors", ["near", *WORDS, "-e", f"{out}/vectors", "-k", "5"]),
    ]  # fmt: skip


def tree(folder: Path) -> Iterator[str]:
    """The folder's files with their sizes, as lines."""
    yield f"{folder}/"
    children = sorted(child for child in folder.iterdir() if child.is_dir())
    for child in children:
        last = child == children[-1]
        yield f"{'└──' if last else '├──'} {child.name}/"
        files = sorted(file for file in child.iterdir() if file.is_file())
        for file in files:
            branch = "└──" if file == files[-1] else "├──"
            yield f"{' ' if last else '│'}   {branch} {file.name:<24} {human_bytes(file.stat().st_size):>9}"


def next_commands(out: Path) -> list[str]:
    """Command lines that use the demo's artifacts."""
    program = Path(sys.argv[0])
    activate = [] if shutil.which("tokit") else [f". {program.parent / 'activate'}"]
    transformers = [
        f"python -c \"from transformers import AutoTokenizer as A; print(A.from_pretrained('{out}/bpe')('Hello'))\""
    ]
    return [
        *activate,
        f"echo 'Hello world' | tokit encode -t {out}/bpe",
        f"echo 'Hello world' | tokit encode -t {out}/bpe | tokit decode -t {out}/bpe",
        f"tokit encode @wiki -t {out}/bpe -o {out}/shards --split val=0.01",
        f"tokit analogy Greece Greek Italy -e {out}/vectors",
        f"tokit inspect {out}/bpe",
        *(transformers if find_spec("transformers") else ["pip install transformers", *transformers]),
    ]


def _strong(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else f"# {text}"
