"""`tokit inspect`: what an artifact is, and whether it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Ran, assert_error
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]


@pytest.fixture
def artifacts(cli: Cli, bpe_folder: Path, english_file: Path, tmp_path: Path) -> dict[str, Path]:
    """One of each kind that this part of the program makes, free to be damaged."""
    shutil.copytree(bpe_folder, tmp_path / "tokenizer")
    assert cli("count", english_file, "-o", tmp_path / "counts").code == 0
    assert cli("encode", english_file, "-t", bpe_folder, "-o", tmp_path / "shards").code == 0
    return {kind: tmp_path / kind for kind in ("tokenizer", "counts", "shards")}


@pytest.mark.parametrize("kind", ["tokenizer", "counts", "shards"])
def test_healthy_artifact(cli: Cli, artifacts: dict[str, Path], kind: str) -> None:
    ran = cli("inspect", artifacts[kind], "--check")
    assert (ran.code, ran.err) == (0, "")
    assert f"kind: {kind}\n" in ran.text
    assert ran.text.endswith("check: healthy\n")


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("tokenizer", "tokenizer.json"),
        ("tokenizer", "tokenizer_config.json"),
        ("counts", "words.bin"),
        ("shards", "ids.bin"),
    ],
)
def test_flipped_byte_is_found(cli: Cli, artifacts: dict[str, Path], kind: str, file: str) -> None:
    path = artifacts[kind] / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    ran = cli("inspect", artifacts[kind], "--check")
    assert ran.code == 3
    assert f"error: {file} is missing or not as it was written" in ran.err
    assert "hint: " in ran.err
    # Looking without a check still works.
    assert cli("inspect", artifacts[kind]).code == 0


def test_tokenizer_facts(cli: Cli, bpe_folder: Path) -> None:
    found = json.loads(cli("inspect", bpe_folder, "--json").text)
    facts = found["facts"]
    assert (found["kind"], found["faults"]) == ("tokenizer", [])
    assert (facts["family"], facts["vocab_size"], facts["lossless"]) == ("bpe", 600, True)
    assert facts["special_ids"] == {"endoftext": 0, "pad": 1, "cls": 2, "sep": 3, "mask": 4}
    assert facts["corpus"]["documents"] > 400


@pytest.mark.parametrize("variant", ["bpe", "unigram", "wordpiece", "spm", "word", "char"])
def test_trained_tokenizers_pass_their_check(cli: Cli, trained_folder: Callable[[str], Path], variant: str) -> None:
    ran = cli("inspect", trained_folder(variant), "--check")
    assert (ran.code, ran.err) == (0, "")


def test_foreign_tokenizer(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    shutil.copy(bpe_folder / "tokenizer.json", tmp_path)
    found = json.loads(cli("inspect", tmp_path / "tokenizer.json", "--json", "--check").text)
    assert found["kind"] == "foreign tokenizer"
    assert found["facts"]["origin"] == "tokenizer.json"
    assert found["facts"]["special_ids"]["endoftext"] == 0


def test_hazard_of_special_text_is_named(cli: Cli, artifacts: dict[str, Path], bpe_folder: Path) -> None:
    assert "special_text: the token itself in transformers" in cli("inspect", bpe_folder).text
    assert "for untrusted text pass split_special_tokens=True" in cli("inspect", bpe_folder / "tokenizer.json").text


def test_folder_that_splits_special_tokens_opens_and_says_so(
    cli: Cli, artifacts: dict[str, Path], bpe_folder: Path, tmp_path: Path
) -> None:
    """Earlier versions wrote the setting."""
    folder = artifacts["tokenizer"]
    settings = json.loads((folder / "tokenizer_config.json").read_bytes())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "split_special_tokens": True}))
    assert "special_text: text in transformers, also in pipelines" in cli("inspect", folder).text
    text = b"a <|endoftext|>b<|pad|>\n"
    assert cli("encode", "-t", folder, stdin=text).out == cli("encode", "-t", bpe_folder, stdin=text).out
    # As a foreign folder too; a copy drops the setting.
    (folder / "tokit.json").unlink()
    assert "special_text: text in transformers, also in pipelines" in cli("inspect", folder).text
    assert cli("encode", "-t", folder, "-o", tmp_path / "copied", stdin=text).code == 0
    copy = json.loads((tmp_path / "copied" / "tokenizer" / "tokenizer_config.json").read_bytes())
    assert copy == settings


def test_tokenizer_that_breaks_its_promise_is_ill(cli: Cli, artifacts: dict[str, Path]) -> None:
    """The hashes fit, but the file says lossless and is not."""
    import hashlib

    folder = artifacts["tokenizer"]
    spec = json.loads((folder / "tokenizer.json").read_bytes())
    spec["normalizer"] = {"type": "Lowercase"}
    data = json.dumps(spec).encode()
    (folder / "tokenizer.json").write_bytes(data)
    manifest = json.loads((folder / "tokit.json").read_bytes())
    manifest["files"]["tokenizer.json"] = hashlib.sha256(data).hexdigest()
    (folder / "tokit.json").write_text(json.dumps(manifest))
    ran = cli("inspect", folder, "--check")
    assert ran.code == 3
    assert "[UNK]" in ran.err
    assert "comes back as" in ran.err


@pytest.mark.parametrize("what", ["missing", "folder", "text.bin"])
def test_what_is_no_artifact(cli: Cli, tmp_path: Path, what: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.bin").write_text("hello")
    assert_error(cli("inspect", tmp_path / what), 1, str(tmp_path / what))


def test_bundled_texts_are_listed(cli: Cli) -> None:
    ran = cli("inspect", "@")
    assert (ran.code, ran.err) == (0, "")
    assert "@lee" in ran.text


@pytest.mark.parametrize("normalizer", [None, "nfkc"])
def test_spm_says_whether_its_two_files_agree(
    cli: Cli, corpus_file: Path, tmp_path: Path, normalizer: str | None
) -> None:
    """What it says is held against SentencePiece itself."""
    from sentencepiece import SentencePieceProcessor

    named = ("--normalizer", normalizer) if normalizer else ()
    assert cli("train", "spm", corpus_file, "-v", "2500", *named, "-o", tmp_path / "spm").code == 0
    marks = ["e\u0323\u0301", "a\u00a0\u0301b", "\u304b\u3099", "ﬁx²", "the cat"]
    processor = SentencePieceProcessor(model_file=str(tmp_path / "spm" / "tokenizer.model"))
    same = load_tokenizer(tmp_path / "spm").encode_batch(marks) == processor.encode(marks)
    said = cli("inspect", tmp_path / "spm").text
    assert ("sentencepiece: the same ids" in said) == same == (normalizer is None)
    assert ("loses the mark" in said or "lose the mark" in said) == (not same)
