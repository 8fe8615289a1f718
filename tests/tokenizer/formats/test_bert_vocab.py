"""vocab.txt: the ids are those of transformers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.texts import HOSTILE_TEXTS
from tests.support.tokenizer_files import NATURAL
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

BERT_VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz.,!?'0123456789", "the", "ing"]
BERT_VOCAB += ["##" + token for token in [*"abcdefghijklmnopqrstuvwxyz0123456789", "ing", "ed"]] + [
    "good",
    "morning",
    "日",
    "é",
]


@pytest.mark.parametrize("cased", [False, True])
def test_bert_vocabulary_in_transformers(tmp_path: Path, cased: bool) -> None:
    transformers = pytest.importorskip("transformers")
    vocab = [*BERT_VOCAB, *(["Good", "A"] if cased else [])]
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token in vocab), encoding="utf-8")
    ours = load_tokenizer(tmp_path / "vocab.txt")
    theirs = transformers.BertTokenizer.from_pretrained(tmp_path, do_lower_case=not cased, local_files_only=True)
    texts = [*NATURAL, *(text for text in HOSTILE_TEXTS if "[" not in text), "the morning", "GOOD Good good", "x" * 101]
    options = EncodeOptions(add_special=True)
    assert ours.encode_batch(texts, options) == [theirs(text)["input_ids"] for text in texts]
    assert ours.special_ids == {"endoftext": 3, "pad": 0, "cls": 2, "sep": 3, "mask": 4, "unk": 1}
    assert not ours.lossless


def test_text_file_that_is_not_a_vocabulary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("hello\nworld\n")
    with pytest.raises(ArtifactError, match=r"no \[UNK\]"):
        load_tokenizer(tmp_path)
