"""vocab.json with merges.txt: the ids are those of the tokenizer it came from, and of transformers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.foreign_files import byte_level_vocab, write_json
from tests.support.texts import HOSTILE_TEXTS
from tests.support.tokenizer_files import NATURAL, write_gpt2_files
from tokit.errors import ArtifactError
from tokit.tokenizer.load import load_tokenizer


@pytest.fixture(scope="module")
def gpt2_folder(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gpt2_files(bpe_folder, tmp_path_factory.mktemp("gpt2"))


@pytest.mark.parametrize("name", ["", "vocab.json", "merges.txt"])
def test_gpt2_files_are_the_tokenizer_they_came_from(gpt2_folder: Path, bpe_folder: Path, name: str) -> None:
    opened, own = load_tokenizer(gpt2_folder / name), load_tokenizer(bpe_folder)
    texts = [*NATURAL, *HOSTILE_TEXTS]
    assert opened.encode_batch(texts) == own.encode_batch(texts)
    assert opened.lossless
    assert opened.special_ids == {"endoftext": 0}
    assert opened.identity.origin == "vocab.json and merges.txt"


def test_gpt2_files_in_transformers(gpt2_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.GPT2Tokenizer.from_pretrained(gpt2_folder, unk_token="<|endoftext|>", local_files_only=True)
    ours = load_tokenizer(gpt2_folder)
    texts = [*NATURAL, *(text for text in HOSTILE_TEXTS if "<|" not in text)]
    assert ours.encode_batch(texts) == [theirs(text, add_special_tokens=False)["input_ids"] for text in texts]


def test_merges_of_another_vocabulary_are_refused(gpt2_folder: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "vocab.json", byte_level_vocab())
    (tmp_path / "merges.txt").write_text("a c\n")
    with pytest.raises(ArtifactError, match="does not fit"):
        load_tokenizer(tmp_path)
    (tmp_path / "merges.txt").write_text("a\n")
    with pytest.raises(ArtifactError, match="can be split in 0 ways"):
        load_tokenizer(tmp_path)


def test_vocabulary_without_merges_names_the_missing_file(gpt2_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_bytes((gpt2_folder / "vocab.json").read_bytes())
    for path in (tmp_path, tmp_path / "vocab.json"):
        with pytest.raises(ArtifactError, match=r"merges\.txt: No such file"):
            load_tokenizer(path)
