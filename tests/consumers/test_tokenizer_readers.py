"""Tokenizer folders in other libraries: the table of docs/interchange.md, pair by pair."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.support.program import ROOT
from tests.support.readers import READERS
from tests.support.texts import PARALLEL
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

pytestmark = pytest.mark.slow

SPECIAL = [
    "<|endoftext|>",
    "<|pad|>",
    "<|cls|>",
    "<|sep|>",
    "<|mask|>",
    "<|unk|>",
    " <|pad|> ",
    "<|pad|><|sep|>",
    "<|pad",
]
NATURAL = [line for path in sorted(PARALLEL.glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
# Characters that the vocabularies lack, around special tokens and in numbers.
OTHER_SCRIPTS = [
    "ភាសាខ្មែរ ไทย 日本語 한국어 עִבְרִית",
    "ភាសា<|pad|>ខ្មែរ <|sep|>  ភាសា",
    "ባለ<|unk|>ፉት",
    "ዌልሽ ኤኤምዎ pad|>ች 'መፔቶችን ስለመምሰል' ስጋት",
    "1234567 12 ٣٤٥ Ⅷ ½",
]
PARSED = EncodeOptions(parse_special=True)


def read_table() -> dict[tuple[str, str], str]:
    """(options of `tokit train`, reader) → "equal", "ties", "refused" or "wrong"."""
    page = (ROOT / "docs" / "interchange.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip(" `*") for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:3] == "| `"
    ]
    head, *body = rows
    return {(row[0], name): cell for row in body for name, cell in zip(head[1:], row[1:], strict=True)}


TABLE = read_table()
COMMANDS = list(dict.fromkeys(command for command, _ in TABLE))


def texts() -> list[str]:
    """The parallel sentences, and some of them with special tokens."""
    draw = Random(0)
    inserted = []
    for line in draw.sample(NATURAL, 200):
        at = draw.randint(0, len(line))
        inserted.append(line[:at] + draw.choice(SPECIAL) + line[at:])
    return [*NATURAL, *inserted, *SPECIAL, *OTHER_SCRIPTS]


TEXTS = texts()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder that a command makes, made when it is first asked for."""
    from tokit.cli.main import main

    root = tmp_path_factory.mktemp("read")

    def made(command: str) -> Path:
        out = root / command.replace(" ", "")
        if not out.exists():
            size = [] if command.startswith(("byte", "char")) else ["-v", "3000"]
            assert main(["train", *shlex.split(command), *size, "@parallel", "-o", str(out), "--quiet"]) == 0
        return out

    return made


def test_table_has_every_reader() -> None:
    assert {name for _, name in TABLE} == set(READERS)
    assert set(TABLE.values()) == {"equal", "ties", "refused", "wrong"}


def test_table_has_every_family() -> None:
    from tokit.tokenizer import FAMILIES

    assert {command.split()[0] for command in COMMANDS} == set(FAMILIES)


@pytest.mark.parametrize("reader", list(READERS))
@pytest.mark.parametrize("command", COMMANDS)
def test_reader_is_as_the_table_says(folder: Callable[[str], Path], command: str, reader: str) -> None:
    made = folder(command)
    if TABLE[command, reader] == "refused":
        assert refuses(reader, made)
        return
    theirs, ours = READERS[reader](made, TEXTS), load_tokenizer(made).encode_batch(TEXTS, PARSED).lists()
    assert len(theirs) == len(ours)
    differing = [ids for ids in zip(TEXTS, theirs, ours, strict=True) if ids[1] != ids[2]]
    if TABLE[command, reader] == "ties":
        assert len(differing) < len(TEXTS) / 50
        scores = piece_scores(made)
        assert [ids for ids in differing if total(scores, ids[1]) != total(scores, ids[2])] == []
        return
    assert bool(differing) == (TABLE[command, reader] == "wrong"), differing[:3]


def refuses(reader: str, made: Path) -> bool:
    try:
        READERS[reader](made, TEXTS)
    except (KeyboardInterrupt, pytest.skip.Exception, pytest.fail.Exception):
        raise
    except BaseException:
        # A panic of a library in Rust is no Exception.
        return True
    return False


def piece_scores(made: Path) -> list[float]:
    """Log probability of each piece of a Unigram model."""
    model = json.loads((made / "tokenizer.json").read_bytes())["model"]
    return [score for _, score in model["vocab"]]


def total(scores: list[float], ids: list[int]) -> float:
    """Score of a segmentation; the sum is rounded, as its order differs."""
    return round(sum(scores[i] for i in ids), 6)


@pytest.mark.parametrize("command", COMMANDS)
def test_special_text_can_be_text_in_tokenizers(folder: Callable[[str], Path], command: str) -> None:
    import tokenizers

    library = tokenizers.Tokenizer.from_file(str(folder(command) / "tokenizer.json"))
    library.encode_special_tokens = True
    theirs = [encoding.ids for encoding in library.encode_batch(TEXTS, add_special_tokens=False)]
    assert theirs == load_tokenizer(folder(command)).encode_batch(TEXTS).lists()
