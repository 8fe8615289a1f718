"""Lines of a treebank in CoNLL-U: ten columns, of which the first is the number of a word.

A range (`1-2`, a token that is several words) repeats the words that follow it, and an empty node (`2.1`) is no word of
the text. https://universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

COLUMNS = 10
_ID = re.compile(r"\d+(?:[-.]\d+)?")
_NO_WORD = re.compile(r"\d+[-.]\d+")


def is_conllu(lines: Sequence[str]) -> bool:
    """True for lines of which all have ten columns with a word number first, but for comments and empty ones."""
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    return bool(rows) and all(
        line.count("\t") == COLUMNS - 1 and _ID.fullmatch(line.partition("\t")[0]) for line in rows
    )


def is_comment(line: str) -> bool:
    """True for a comment, which may hold tabs."""
    return line.startswith("#")


def is_no_word(line: str) -> bool:
    """True for a range or an empty node."""
    return _NO_WORD.fullmatch(line.partition("\t")[0]) is not None
