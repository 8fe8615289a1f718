"""Options of opening a corpus."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tokit.corpus import open_corpus
from tokit.errors import UsageError


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"unit": "lin"}, "did you mean 'line'?"),
        ({"errors": "replcae"}, "did you mean 'replace'?"),
        ({"format": "jsnol"}, "did you mean 'jsonl'?"),
        ({"field": "body"}, "--format jsonl"),
        ({"format": "jsonl", "unit": "file"}, "leave --unit out"),
        ({"max_document": 0}, ""),
        ({"max_document": 1 << 31}, ""),
    ],
)
def test_invalid_options(file: Path, options: dict[str, str], hint: str) -> None:
    file.write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        open_corpus([str(file)], **options)  # type: ignore[arg-type]
    assert hint in caught.value.hint


def test_total_bytes_is_known_for_plain_files_only(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"12345")
    assert open_corpus([str(file), str(file)]).total_bytes == 10
    assert open_corpus().total_bytes is None
    (tmp_path / "x.gz").write_bytes(b"")
    assert open_corpus([str(file), str(tmp_path / "x.gz")]).total_bytes is None


def test_import_loads_no_heavy_library() -> None:
    import subprocess

    heavy = ("pyarrow", "zstandard", "gensim", "typer", "rich", "tokenizers")
    code = f"import sys, tokit.corpus; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
