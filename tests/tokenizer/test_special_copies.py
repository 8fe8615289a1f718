"""Copies of tokenizers with more special tokens encode and decode like the original."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.texts import HOSTILE_TEXTS
from tests.support.tokenizer_files import NATURAL, SPM_MODELS, sentencepiece_model, write_gpt2_files
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_copies import with_special_tokens


def test_copy_with_special_tokens_has_the_role_and_another_hash(bpe_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_gpt2_files(bpe_folder, tmp_path))
    copy = with_special_tokens(tokenizer, {"pad": "[PAD]", "user": "[USER]"})
    assert copy.special_ids == {"endoftext": 0, "pad": 600, "user": 601}
    assert copy.vocab_size == 602
    assert copy.sha256 != tokenizer.sha256
    assert copy.encode_batch(NATURAL) == tokenizer.encode_batch(NATURAL)
    # The original is unchanged.
    assert tokenizer.vocab_size == 600


@pytest.mark.parametrize("options", [{}, {"add_dummy_prefix": False}, {"remove_extra_whitespaces": True}], ids=str)
def test_copy_of_a_sentencepiece_model_with_special_tokens(tmp_path: Path, options: dict[str, bool]) -> None:
    (tmp_path / "m.model").write_bytes(sentencepiece_model(**{**SPM_MODELS["bpe"], **options}))
    tokenizer = load_tokenizer(tmp_path / "m.model")
    copy = with_special_tokens(tokenizer, {"pad": "<|pad|>"})
    assert copy.special_ids["pad"] == tokenizer.vocab_size
    texts = [*NATURAL, *HOSTILE_TEXTS]
    assert copy.encode_batch(texts) == tokenizer.encode_batch(texts)
    ids = tokenizer.encode_batch(texts)
    assert copy.decode_batch(ids) == tokenizer.decode_batch(ids)
