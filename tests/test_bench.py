"""The bench runs, tells every row, and finds tokit's ids the same as the reference's. No time is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import LIMIT, PARALLEL

ROWS = ("whole process", "first call", "steady state", "start-up")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=Path(__file__).parents[1],
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, bpe_folder: Path) -> tuple[str, dict[str, Any]]:
    """What a run over a few lines printed and saved."""
    folder = tmp_path_factory.mktemp("bench")
    corpus, saved = folder / "few.txt", folder / "bench.json"
    corpus.write_bytes(b"".join((PARALLEL / "en.txt").read_bytes().splitlines(keepends=True)[:40]))
    done = bench(
        *("encode", "--corpus", str(corpus), "--peers", "tokenizers", "--rounds", "1"),
        *("--tokenizer", str(bpe_folder), "--save", str(saved)),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout, json.loads(saved.read_bytes())


def test_every_row_of_every_peer_is_measured(ran: tuple[str, dict[str, Any]]) -> None:
    rows = {(row["row"], row["peer"]): row for row in ran[1]["rows"] if row["row"] in ROWS}
    assert set(rows) == {(row, peer) for row in ROWS for peer in ("tokit", "tokenizers")}
    for row in rows.values():
        assert row["error"] == ""
        assert len(row["seconds"]) == len(row["peak_bytes"]) == 1
        assert len(row["seconds"][0]) == (2 if row["row"] == "steady state" else 1)
        assert min(row["seconds"][0]) > 0
        assert min(row["peak_bytes"]) > 0
        assert row["ratio"] > 0


def test_ids_are_those_of_the_reference(ran: tuple[str, dict[str, Any]]) -> None:
    same = ran[1]["identity"]["tokenizers"]["tokit"]
    assert same["differing"] == 0
    assert same["of"] > 100


def test_the_document_says_what_it_ran_on(ran: tuple[str, dict[str, Any]]) -> None:
    assert {"platform", "processor", "cores", "python"} <= ran[1]["machine"].keys()
    assert {"tokit", "tokenizers"} <= ran[1]["versions"].keys()
    assert ran[1]["date"]
    assert ran[1]["corpus"]["bytes"] > 0


def test_the_table_shows_the_rows(ran: tuple[str, dict[str, Any]]) -> None:
    for word in (*ROWS, "tokit", "tokenizers", "same as tokit"):
        assert word in ran[0]


def test_a_peer_that_is_unknown_is_named(tmp_path: Path) -> None:
    done = bench("encode", "--corpus", str(tmp_path), "--peers", "nonsense")
    assert done.returncode == 1
    assert "unknown peer nonsense" in done.stderr
