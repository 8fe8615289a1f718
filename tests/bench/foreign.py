"""Tokenizers of other tools, opened by tokit and by their own library: roles, vocabulary size, and ids on real text.

Ids without special tokens are compared with the `tokenizers` library where a folder holds a tokenizer.json, since that
is the file that tokit follows; ids with special tokens parsed, and roles, with transformers.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.transformers_roles import roles_in_transformers
from tokit.arrays import Block
from tokit.errors import TokitError
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer

COLUMNS = ("tokenizer", "size", "roles", "tokens", "lines that differ", "in transformers", "notes")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """What the comparison of one folder says."""

    name: str
    size: str
    roles: str
    tokens: int = 0
    differ: int = 0
    differ_in_transformers: int = 0
    notes: str = ""

    def cells(self) -> tuple[str, ...]:
        """The cells of a table."""
        counted = (f"{self.tokens:,}", f"{self.differ:,}", f"{self.differ_in_transformers:,}")
        return (self.name, self.size, self.roles, *counted, self.notes)


def lines_of(paths: Sequence[Path], limit: int | None) -> Iterator[list[str]]:
    """Lines of the files in batches, the first `limit` of each."""
    lines = [line for path in paths for line in path.read_text("utf-8").split("\n")[:limit] if line]
    for at in range(0, len(lines), BATCH):
        yield lines[at : at + BATCH]


def reference_of(folder: Path) -> Any:
    """transformers' tokenizer of a folder."""
    import transformers

    with contextlib.redirect_stderr(io.StringIO()):
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def compared(folder: Path, batches: list[list[str]]) -> Row:
    """Compare one folder."""
    name = folder.parent.parent.name if folder.name == "models" else folder.name
    try:
        ours = load_tokenizer(folder)
    except TokitError as error:
        return Row(name, "", "refused", notes=error.message)
    theirs = reference_of(folder)
    expected = roles_in_transformers(theirs)
    wrong = {role: (ours.special_ids.get(role), i) for role, i in expected.items() if ours.special_ids.get(role) != i}
    size = 1 + max(theirs.get_vocab().values())
    sizes = f"{ours.vocab_size:,}" if ours.vocab_size == size else f"{ours.vocab_size:,} not {size:,}"
    tokens, differ, in_transformers = _differences(folder, ours, theirs, batches)
    return Row(name, sizes, str(wrong or "equal"), tokens, differ, in_transformers, "; ".join(ours.notes))


def _differences(folder: Path, ours: Tokenizer, theirs: Any, batches: list[list[str]]) -> tuple[int, int, int]:
    """Number of tokens; lines that differ from the file's own library; lines that differ from transformers."""
    import tokenizers

    path = folder / "tokenizer.json"
    library = tokenizers.Tokenizer.from_file(str(path)) if path.is_file() else theirs.backend_tokenizer
    library.no_truncation()
    library.no_padding()
    library.encode_special_tokens = True
    tokens = differ = in_transformers = 0
    for batch in batches:
        mine = ours.encode_block(Block.of(line.encode() for line in batch)).lists()
        tokens += sum(map(len, mine))
        whole = [encoding.ids for encoding in library.encode_batch_fast(batch, add_special_tokens=False)]
        differ += sum(a != b for a, b in zip(mine, whole, strict=True))
        parsed = ours.encode_batch(batch, EncodeOptions(parse_special=True)).lists()
        library.encode_special_tokens = path.is_file()
        expected = theirs(batch, add_special_tokens=False)["input_ids"]
        library.encode_special_tokens = True
        in_transformers += sum(a != b for a, b in zip(parsed, expected, strict=True))
    return tokens, differ, in_transformers


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench foreign", description=__doc__)
    made.add_argument("folders", nargs="+", type=Path)
    made.add_argument("--text", nargs="+", type=Path, required=True, help="text files; their lines are the documents")
    made.add_argument("--lines", type=int, help="the first lines of each file")
    return made


def main(arguments: Sequence[str]) -> int:
    """Compare folders on text and print rows; 1 if ids differ from those of the file's own library."""
    chosen = parser().parse_args(arguments)
    batches = list(lines_of(chosen.text, chosen.lines))
    print("\t".join(COLUMNS))
    wrong = False
    for folder in chosen.folders:
        row = compared(folder, batches)
        wrong = wrong or bool(row.differ)
        print("\t".join(row.cells()), flush=True)
    return int(wrong)
