"""Tokenizers of other tools: what a folder or file is recognized as, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.tokenizer_files import SPM_MODELS, sentencepiece_model
from tokit.errors import ArtifactError
from tokit.tokenizer.formats import FORMATS
from tokit.tokenizer.load import load_tokenizer


def test_truncation_and_padding_of_the_file_are_off(bpe_folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Library

    library = Library.from_file(str(bpe_folder / "tokenizer.json"))
    library.enable_truncation(2)
    library.enable_padding(length=9)
    library.save(str(tmp_path / "tokenizer.json"))
    opened = load_tokenizer(tmp_path)
    assert opened.encode_batch(["one two three", "x"]) == load_tokenizer(bpe_folder).encode_batch(
        ["one two three", "x"]
    )


def test_saved_file_has_the_bytes_that_were_read(bpe_folder: Path, tmp_path: Path) -> None:
    from tokit.storage.folder import sha256_file

    spec = json.loads((bpe_folder / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec, indent=7))
    opened = load_tokenizer(tmp_path / "tokenizer.json")
    (tmp_path / "copy").mkdir()
    opened.save_files(tmp_path / "copy")
    assert (
        sha256_file(tmp_path / "copy" / "tokenizer.json") == opened.sha256 == sha256_file(tmp_path / "tokenizer.json")
    )


def test_settings_beside_a_model_are_not_taken_for_tokenizers(tmp_path: Path) -> None:
    (tmp_path / "x.model").write_bytes(sentencepiece_model(**SPM_MODELS["bpe"]))
    (tmp_path / "config.json").write_text("{}")
    assert load_tokenizer(tmp_path).identity.origin == "sentencepiece"


def test_folder_with_one_model(tmp_path: Path) -> None:
    (tmp_path / "x.model").write_bytes(sentencepiece_model(**SPM_MODELS["bpe"]))
    assert load_tokenizer(tmp_path).identity.origin == "sentencepiece"


def test_missing_and_unknown_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        load_tokenizer(tmp_path / "missing")
    with pytest.raises(ArtifactError, match="no tokenizer in this folder"):
        load_tokenizer(tmp_path)
    (tmp_path / "x.pdf").write_bytes(b"")
    with pytest.raises(ArtifactError, match="not a tokenizer that tokit knows"):
        load_tokenizer(tmp_path / "x.pdf")


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b"{", b"\xff", b'{"model": {"type": "BPE"}}'])
def test_json_that_is_not_a_tokenizer_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"not a tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", list(FORMATS))
def test_file_names_belong_to_one_format(name: str) -> None:
    known = FORMATS.get(name)
    for file in (*known.folder_files, known.files.replace("*", "x")):
        if " " not in file:
            assert [other for other in FORMATS if FORMATS.get(other).matches(Path(file))] == [name]
