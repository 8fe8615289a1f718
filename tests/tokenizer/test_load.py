"""Tokenizers of other tools: the ids are those of the library that owns the format."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.program import Ran, assert_error
from tests.support.texts import HOSTILE_TEXTS, PARALLEL, TEXTS
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.formats.ranked_merges import merges_of_ranks
from tokit.tokenizer.formats.sentencepiece_proto import read_model
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_copies import with_special_tokens

NATURAL = [line for path in sorted(PARALLEL.glob("*.txt")) for line in path.read_text("utf-8").split("\n") if line]
# Few letters: long runs are where merging by rank and by merge list could part.
RUNS = st.text("aab \n", max_size=30)


# --- vocab.json and merges.txt


@pytest.fixture(scope="module")
def gpt2_folder(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained bpe in GPT-2's files."""
    folder = tmp_path_factory.mktemp("gpt2")
    model = json.loads((bpe_folder / "tokenizer.json").read_bytes())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    return folder


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
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1}')
    (tmp_path / "merges.txt").write_text("a c\n")
    with pytest.raises(ArtifactError, match="does not fit"):
        load_tokenizer(tmp_path)
    (tmp_path / "merges.txt").write_text("a\n")
    with pytest.raises(ArtifactError):
        load_tokenizer(tmp_path)


def test_vocabulary_without_merges_names_the_missing_file(gpt2_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_bytes((gpt2_folder / "vocab.json").read_bytes())
    for path in (tmp_path, tmp_path / "vocab.json"):
        with pytest.raises(ArtifactError, match=r"merges\.txt: No such file"):
            load_tokenizer(path)


# --- vocab.txt

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


# --- tiktoken


def ranks_of(bpe_folder: Path) -> dict[bytes, int]:
    """The pieces of a trained bpe, as bytes with ranks, and pieces that merges alone do not reach."""
    from tokit.tokenizer.byte_alphabet import byte_alphabet

    table = {sign: byte for byte, sign in enumerate(byte_alphabet())}
    vocab = json.loads((bpe_folder / "tokenizer.json").read_bytes())["model"]["vocab"]
    pieces = [bytes(table[sign] for sign in token) for token in list(vocab)[5:]]
    extra = [b"aa", b"aaa", b"aaaa", b"ab", b"ba", b"aab", b"qzx", b" qzx"]
    return {piece: rank for rank, piece in enumerate(dict.fromkeys([*pieces, *extra]))}


@pytest.fixture(scope="module", params=["cl100k_base", "o200k_base", "r50k_base"])
def tiktoken_pair(
    request: pytest.FixtureRequest, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, Any]:
    """A small .tiktoken file opened here, and in tiktoken under its own pattern."""
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken_ext import openai_public

    ranks = ranks_of(bpe_folder)
    path = tmp_path_factory.mktemp("tiktoken") / f"{request.param}.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(piece) + b" %d\n" % rank for piece, rank in ranks.items()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_public, "load_tiktoken_bpe", lambda *_args, **_named: {})
        if request.param == "r50k_base":
            patch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda *_args, **_named: {})
            pattern = openai_public.r50k_pat_str
        else:
            pattern = getattr(openai_public, request.param)()["pat_str"]
    return load_tokenizer(path), tiktoken.Encoding("t", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def test_tiktoken_file_in_tiktoken(tiktoken_pair: tuple[Tokenizer, Any]) -> None:
    ours, theirs = tiktoken_pair
    texts = [*NATURAL, *HOSTILE_TEXTS, "qzx qzxx", "a" * 50]
    assert ours.encode_batch(texts) == [theirs.encode_ordinary(text) for text in texts]
    assert ours.lossless

    @settings(max_examples=300)
    @given(st.one_of(TEXTS, RUNS))
    def same_ids(text: str) -> None:
        ids = ours.encode(text)
        assert ids == theirs.encode_ordinary(text)
        assert ours.decode(ids) == text

    same_ids()


def test_tiktoken_special_tokens_have_the_ids_of_their_encoding(tiktoken_pair: tuple[Tokenizer, Any]) -> None:
    ours, _ = tiktoken_pair
    ids = ours.encode("<|endoftext|>", EncodeOptions(parse_special=True))
    assert ids == [ours.special_ids["endoftext"]]
    assert ids[0] in (100257, 199999, 50256)
    assert ids[0] not in ours.encode("<|endoftext|>")


@pytest.mark.parametrize("content", [b"not a table\nx y z\n", b"!!!! 5\n", b"YQ== five\n", b"YQ==\n"])
def test_broken_tiktoken_file_names_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cl100k_base.tiktoken"
    path.write_bytes(b"YQ== 0\n" + content)
    with pytest.raises(ArtifactError, match=r"cl100k_base.tiktoken:2"):
        load_tokenizer(path)


def test_tiktoken_file_of_unknown_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "unknown.tiktoken").write_bytes(b"YQ== 0\n")
    with pytest.raises(ArtifactError, match="'unknown' is not a known encoding"):
        load_tokenizer(tmp_path / "unknown.tiktoken")


# --- SentencePiece


def sentencepiece_model(**options: Any) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(NATURAL),
        model_writer=model,
        vocab_size=2400,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


SPM_MODELS: dict[str, dict[str, Any]] = {
    "bpe": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "unigram": {"model_type": "unigram"},
    "bpe-nfkc": {"model_type": "bpe"},
}


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
        assert ours.special_ids == {"unk": 0, "endoftext": 2}


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


# --- tokenizer.json


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


def test_copy_with_special_tokens_has_the_role_and_another_hash(gpt2_folder: Path) -> None:
    tokenizer = load_tokenizer(gpt2_folder)
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


# --- folders, names and errors


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


def test_merges_of_ranks_join_as_tiktoken_does() -> None:
    """Random tables over two letters, where nearly every piece can be made in several ways."""
    tiktoken = pytest.importorskip("tiktoken")
    from tokenizers import Tokenizer as Library
    from tokenizers import models

    draw = random.Random(0)
    letters = [bytes([byte]) for byte in range(256)]
    for _ in range(120):
        pieces = [b"a", b"b"]
        for _ in range(draw.randint(1, 25)):
            piece = draw.choice(pieces) + draw.choice(pieces)
            if piece not in pieces and len(piece) < 12:
                pieces.append(piece)
        ranked = [*letters, *draw.sample(pieces[2:], len(pieces) - 2)]
        ranks = {piece: rank for rank, piece in enumerate(ranked)}
        theirs = tiktoken.Encoding("t", pat_str=r"(?s:.+)", mergeable_ranks=ranks, special_tokens={})
        vocab = {piece.decode("latin-1"): rank for piece, rank in ranks.items()}
        merges = [(left.decode("latin-1"), right.decode("latin-1")) for left, right in merges_of_ranks(ranked)]
        ours = Library(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
        for _ in range(20):
            text = "".join(draw.choices("ab", k=draw.randint(1, 40)))
            assert ours.encode(text).ids == theirs.encode_ordinary(text), (text, ranked[256:])


def test_merges_of_ranks_hold_every_split() -> None:
    assert merges_of_ranks(["a", "b", "ab", "aba", "ba"]) == [("a", "b"), ("a", "ba"), ("ab", "a"), ("b", "a")]
    assert merges_of_ranks([b"a", b"aa", b"aaa"]) == [(b"a", b"a"), (b"a", b"aa"), (b"aa", b"a")]
