"""Records of any format as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.program import Ran, assert_error
from tokit.corpus.json_record import dump_record
from tokit.errors import CorpusError
from tokit.ops.fit import fit_embedding

Cli = Callable[..., Ran]
DAY = date(2026, 5, 4)
MOMENT = datetime(2026, 5, 4, 3, 2, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (DAY, b'"2026-05-04"'),
        (MOMENT, b'"2026-05-04T03:02:01.000005+00:00"'),
        (time(3, 2), b'"03:02:00"'),
        (Decimal("1.50"), b'"1.50"'),
        (float("nan"), b"null"),
        (float("-inf"), b"null"),
        (
            {"at": [DAY, float("nan"), ("é", 1.5, True, None)]},
            '{"at": ["2026-05-04", null, ["é", 1.5, true, null]]}'.encode(),
        ),
        ("\ud800", rb'"\ud800"'),
    ],
    ids=str,
)
def test_table_values_as_json(value: Any, written: bytes) -> None:
    assert dump_record({"id": 7, "x": value}) == b'{"id": 7, "x": ' + written + b"}"


@pytest.mark.parametrize("value", [b"raw", timedelta(1), [{"deep": b"raw"}]], ids=str)
def test_value_without_a_json_form_names_its_field(value: Any) -> None:
    with pytest.raises(CorpusError, match=r"field 'x' holds (bytes|timedelta)") as caught:
        dump_record({"id": 7, "x": value})
    assert caught.value.hint == "leave that column out"


def test_deeply_nested_record_is_an_error() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(CorpusError, match="nested too deeply"):
        dump_record({"x": deep})


def parquet(path: Path, **column: list[Any]) -> Path:
    pq.write_table(pa.table({"text": ["the water"], **column}), path)
    return path


def test_encode_and_embed_write_the_fields_of_tables(
    cli: Cli, bpe_folder: Path, english_file: Path, tmp_path: Path
) -> None:
    from tokit.corpus import open_corpus

    emb = tmp_path / "emb"
    fit_embedding(open_corpus([str(english_file)]), bpe_folder, emb, dim=4, threads=1)
    good = parquet(tmp_path / "good.parquet", day=[DAY], price=[Decimal("1.50")], score=[float("nan")])
    bad = parquet(tmp_path / "bad.parquet", image=[b"raw"])
    for command in (("encode", "-t", bpe_folder, "--as", "jsonl"), ("embed", "-e", emb)):
        row = json.loads(cli(*command, good).text)
        assert (row["day"], row["price"], row["score"]) == ("2026-05-04", "1.50", None)
        assert_error(cli(*command, bad), 1, "field 'image' holds bytes", "leave that column out")
