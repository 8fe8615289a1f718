"""SentencePiece models: ids and text are those of SentencePiece."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.program import Ran, assert_error
from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tests.support.tokenizer_files import NATURAL, RUNS, SPM_MODELS, sentencepiece_model
from tokit.tokenizer.formats.sentencepiece_proto import read_model
from tokit.tokenizer.load import load_tokenizer


@pytest.fixture(scope="module", params=list(SPM_MODELS))
def spm_data(request: pytest.FixtureRequest) -> bytes:
    return sentencepiece_model(**SPM_MODELS[request.param])


def test_sentencepiece_model_in_sentencepiece(spm_data: bytes, tmp_path: Path) -> None:
    from sentencepiece import SentencePieceProcessor

    (tmp_path / "tokenizer.model").write_bytes(spm_data)
    theirs = SentencePieceProcessor(model_proto=spm_data)
    texts = [*NATURAL, *HOSTILE_TEXTS]
    for path in (tmp_path / "tokenizer.model", tmp_path):
        ours = load_tokenizer(path)
        assert ours.vocab_size == theirs.vocab_size()
        assert ours.encode_batch(texts) == theirs.encode(texts)
        assert ours.decode_batch(theirs.encode(texts)) == theirs.decode(theirs.encode(texts))
        assert ours.special_ids == {"unk": 0, "bos": 1, "endoftext": 2}


def test_pieces_and_scores_of_a_sentencepiece_model(spm_data: bytes) -> None:
    from sentencepiece import SentencePieceProcessor

    theirs, model = SentencePieceProcessor(model_proto=spm_data), read_model(spm_data)
    assert [piece.text for piece in model.pieces] == [theirs.id_to_piece(i) for i in range(theirs.vocab_size())]
    assert [piece.score for piece in model.pieces] == [theirs.get_score(i) for i in range(theirs.vocab_size())]


def test_truncated_model_is_a_clean_error(cli: Callable[..., Ran], tmp_path: Path) -> None:
    data = sentencepiece_model(**SPM_MODELS["bpe"])
    for length in [*range(0, 400), *range(400, len(data), 997)]:
        # Truncated between two pieces it is a model that lacks its settings.
        with pytest.raises(ValueError):
            read_model(data[:length])
    path = tmp_path / "tokenizer.model"
    for damaged in (data[: len(data) // 2], b"", b"hello", b"\xff" * 100):
        path.write_bytes(damaged)
        assert_error(cli("encode", "-t", path, stdin=b"a"), 1, str(path))


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_model(data)
    except ValueError:
        return


def test_trained_spm_agrees_with_its_model(trained_folder: Callable[[str], Path], lines: list[str]) -> None:
    from sentencepiece import SentencePieceProcessor

    folder = trained_folder("spm")
    theirs = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ours = load_tokenizer(folder)
    texts = [*lines, *HOSTILE_TEXTS]
    assert ours.encode_batch(texts) == theirs.encode(texts)
    assert ours.special_ids["endoftext"] == theirs.eos_id() == 0
    assert theirs.pad_id() == ours.special_ids["pad"]

    @settings(max_examples=200)
    @given(st.one_of(TEXTS, RUNS))
    def same_ids(text: str) -> None:
        assert ours.encode(text) == theirs.encode(text)

    same_ids()


@pytest.mark.parametrize("model_type", ["bpe", "unigram", "word", "char"])
@pytest.mark.parametrize("fallback", [True, False])
def test_roles_and_ids_are_those_of_the_model_itself(tmp_path: Path, model_type: str, fallback: bool) -> None:
    from sentencepiece import SentencePieceProcessor

    data = sentencepiece_model(
        model_type=model_type,
        byte_fallback=fallback and model_type not in ("word", "char"),
        bos_piece="<|im_start|>",
        eos_piece="<|im_end|>",
        pad_piece="<|fill|>",
        unk_piece="<|what|>",
        pad_id=5,
        eos_id=4,
        user_defined_symbols=["<tool>", "@@ user"],
        control_symbols=["<ctrl>", "</s>"],
    )
    (tmp_path / "own.model").write_bytes(data)
    ours, theirs = load_tokenizer(tmp_path / "own.model"), SentencePieceProcessor(model_proto=data)
    texts = [*NATURAL[::3], *HOSTILE_TEXTS, "a<tool>b @@ user <ctrl></s><|im_end|>", "  x  "]
    assert ours.encode_batch(texts) == theirs.encode(texts)
    assert ours.decode_batch(ours.encode_batch(texts)) == theirs.decode(theirs.encode(texts))
    assert ours.special_ids == {
        "bos": theirs.bos_id(),
        "endoftext": theirs.eos_id(),
        "pad": theirs.pad_id(),
        "unk": theirs.unk_id(),
    }
    assert ours.vocab_size == theirs.vocab_size()
