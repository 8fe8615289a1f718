"""Files without a tokenizer.json: their class comes from the settings beside them, and ids are transformers'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.foreign_files import byte_level_vocab, write_json
from tests.support.program import Ran
from tests.support.tokenizer_files import NATURAL
from tests.support.transformers_roles import ids_in_transformers, roles_in_transformers
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.load import load_tokenizer

MERGES = ["t h", "th e", "Ġ the", "c a", "ca t", "Ġ cat", "Ã ©", "1 2"]
PIECES = ["".join(merge.split(" ")) for merge in MERGES]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", *byte_alphabet(), *PIECES, "<mask>"]
WORD_ENDS = [f"{sign}</w>" for sign in byte_alphabet()]
CLIP_MERGES = ["t h", "th e</w>", "c a", "ca t</w>", "Ã ©</w>"]
CLIP_PIECES = ["th", "the</w>", "ca", "cat</w>", "Ã©</w>"]
CLIP = [*byte_alphabet(), *WORD_ENDS, *CLIP_PIECES, "<|startoftext|>", "<|endoftext|>"]
BERT = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "uber", "über", "Über", "the", "The", "cat", "##s", "cafe", "café",
    "北", "##京", "北京", "<", ">", "|", "u", "ser", "a", "##b", "!", ".", "1", "##2",
]  # fmt: skip
MPNET = ["<s>", "<pad>", "</s>", "[UNK]", *BERT[5:], "<mask>"]
USER = {"content": "<|user|>", "special": True, "lstrip": False, "rstrip": False, "single_word": False}
TEXTS = [
    "the cats", "Über the café naïve THE Cat", "北京 is", "<|user|> the</s> <s>x<mask>", " two  spaces\t\n\n", "",
    "12345 isn't 'LL \r\n", "[MASK] the [SEP]", "a\u0301b ﬁ", "<|endoftext|>the<|startoftext|> <|padding|>", "🙂",
]  # fmt: skip


def numbered(pieces: list[str]) -> dict[str, int]:
    return {piece: i for i, piece in enumerate(pieces)}


def config(tokenizer_class: str, **settings: Any) -> dict[str, Any]:
    return {"tokenizer_config.json": {"tokenizer_class": tokenizer_class, **settings}}


# Name → vocabulary (a list of lines: vocab.txt), merges, settings files.
FOLDERS: dict[str, tuple[Any, list[str], dict[str, Any]]] = {
    "gpt2": (byte_level_vocab(*PIECES, "<|endoftext|>"), MERGES, config("GPT2Tokenizer")),
    "gpt2 with a prefix space": (
        byte_level_vocab(*PIECES, "<|endoftext|>"), MERGES,
        config("GPT2TokenizerFast", add_prefix_space=True, add_bos_token=True),
    ),
    "gpt2 of a slow tokenizer": (
        byte_level_vocab(*PIECES, "<|endoftext|>"), MERGES,
        {
            "config.json": {"model_type": "gpt2"},
            "added_tokens.json": {"<|user|>": 265, "    ": 266},
            "special_tokens_map.json": {"eos_token": "</s>", "additional_special_tokens": ["<|user|>"]},
        },
    ),
    "phi": (
        byte_level_vocab(*PIECES, "<|endoftext|>"), MERGES,
        {
            "tokenizer_config.json": {
                "tokenizer_class": "CodeGenTokenizer", "eos_token": "<|endoftext|>",
                "added_tokens_decoder": {"265": {**USER, "normalized": False}},
            }
        },
    ),
    "gpt-neox": (
        byte_level_vocab(*PIECES, "<|endoftext|>", "<|padding|>"), MERGES,
        {"tokenizer_config.json": {"tokenizer_class": "GPTNeoXTokenizer", "add_eos_token": True}},
    ),
    "roberta": (numbered(ROBERTA), MERGES, config("RobertaTokenizer")),
    "bart": (
        numbered(ROBERTA), MERGES,
        {
            "config.json": {"model_type": "bart"},
            "tokenizer_config.json": {
                "mask_token": {"__type": "AddedToken", **USER, "content": "<mask>", "lstrip": True}
            },
        },
    ),
    "longformer by model": (numbered(ROBERTA), MERGES, {"config.json": {"model_type": "longformer"}}),
    "blenderbot": (numbered(ROBERTA), MERGES, config("BlenderbotTokenizer")),
    "deberta": (
        numbered([*BERT[:5], *byte_alphabet(), *PIECES]), MERGES, config("DebertaTokenizer")
    ),
    "clip": (numbered(CLIP), CLIP_MERGES, config("CLIPTokenizer")),
    "qwen": (
        byte_level_vocab(*PIECES), MERGES,
        {
            "tokenizer_config.json": {
                "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                "added_tokens_decoder": {
                    "264": {**USER, "content": "<|endoftext|>"}, "265": USER, "266": {**USER, "content": "<|im_end|>"},
                },
            }
        },
    ),
    "bert": (BERT, [], config("BertTokenizer")),
    "bert with case": (
        BERT, [], {"tokenizer_config.json": {"do_lower_case": False}, "config.json": {"model_type": "bert"}}
    ),
    "bert with accents": (
        BERT, [], {"tokenizer_config.json": {"tokenizer_class": "ElectraTokenizer", "strip_accents": False}}
    ),
    "cased bert without accents": (
        BERT, [],
        {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True}},
    ),
    "bert with Chinese words": (
        BERT, [], {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "tokenize_chinese_chars": False}}
    ),
    "distilbert with a token more": (
        BERT, [],
        {
            "tokenizer_config.json": {"tokenizer_class": "DistilBertTokenizer"},
            "added_tokens.json": {"<|user|>": 28},
            "special_tokens_map.json": {"pad_token": "[PAD]", "eos_token": "[SEP]"},
        },
    ),
    "mpnet": (MPNET, [], config("MPNetTokenizer")),
}  # fmt: skip


def write_folder(folder: Path, name: str) -> Path:
    vocab, merges, settings = FOLDERS[name]
    if isinstance(vocab, list):
        (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocab), encoding="utf-8", newline="")
    else:
        write_json(folder / "vocab.json", vocab)
        lines = "".join(f"{merge}\n" for merge in ["#version: 0.2", *merges])
        (folder / "merges.txt").write_text(lines, encoding="utf-8", newline="")
    for file, content in settings.items():
        write_json(folder / file, content)
    return folder


def in_transformers(folder: Path, name: str) -> Any:
    transformers = pytest.importorskip("transformers")
    loader = transformers.Qwen2Tokenizer if name == "qwen" else transformers.AutoTokenizer
    return loader.from_pretrained(folder, local_files_only=True)


@pytest.mark.parametrize("name", FOLDERS)
def test_ids_and_roles_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, name)
    theirs, ours = in_transformers(folder, name), load_tokenizer(folder)
    texts = [*TEXTS, *NATURAL[::7]]
    for add_special in (False, True):
        options = EncodeOptions(parse_special=True, add_special=add_special)
        expected = ids_in_transformers(theirs, texts, add_special=add_special)
        assert ours.encode_batch(texts, options) == expected
    assert ours.vocab_size == len(theirs)
    roles = roles_in_transformers(theirs)
    # Documents of BERT end with [SEP].
    assert ours.special_ids == ({"endoftext": roles["sep"], **roles} if "sep" in roles else roles)
    assert not ours.notes


@pytest.mark.parametrize("name", FOLDERS)
def test_shards_keep_the_tokenizer(name: str, tmp_path: Path, cli: Callable[..., Ran]) -> None:
    folder = write_folder(tmp_path, name)
    text = "".join(f"{line}\n" for line in NATURAL[:50]).encode()
    ran = cli("encode", "-t", folder, "-o", tmp_path / "shards", stdin=text)
    assert ran.code == 0, ran.err
    lines = cli("encode", "-t", folder, stdin=text).out
    assert cli("decode", tmp_path / "shards").out == cli("decode", "-t", folder, stdin=lines).out
    copy, original = load_tokenizer(tmp_path / "shards"), load_tokenizer(folder)
    assert copy.encode_batch(TEXTS) == original.encode_batch(TEXTS)


def test_clip_decodes_words(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_folder(tmp_path, "clip"))
    assert tokenizer.decode(tokenizer.encode("The cat, the CAT!")) == "the cat , the cat !"
    names = tokenizer.pieces.names
    assert [names[i] for i in tokenizer.encode("the cat")] == ["the</w>", "cat</w>"]
    assert not tokenizer.lossless


@pytest.mark.parametrize(
    ("name", "taken_for"), [("clip", "CLIPTokenizer"), ("roberta", "RobertaTokenizer"), ("gpt2", "GPT2Tokenizer")]
)
def test_class_that_is_assumed_is_said(name: str, taken_for: str, tmp_path: Path, cli: Callable[..., Ran]) -> None:
    folder = write_folder(tmp_path, name)
    expected = load_tokenizer(folder).encode_batch(TEXTS, EncodeOptions(add_special=True))
    (folder / "tokenizer_config.json").unlink()
    tokenizer = load_tokenizer(folder)
    assert tokenizer.notes == (f"no settings beside it name its class: taken for {taken_for}",)
    assert tokenizer.encode_batch(TEXTS, EncodeOptions(add_special=True)) == expected
    assert taken_for in cli("encode", "-t", folder, stdin=b"x\n").err


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("gpt2", {"tokenizer_class": "HerbertTokenizer"}, "how 'HerbertTokenizer' splits text"),
        ("gpt2", {"tokenizer_class": "PreTrainedTokenizerFast"}, "how 'PreTrainedTokenizer' splits text"),
        ("gpt2", {"tokenizer_class": "BertTokenizer"}, "how 'BertTokenizer' splits text"),
        ("bert", {"tokenizer_class": "RoFormerTokenizer"}, "how 'RoFormerTokenizer' splits text"),
        ("bert", {"word_tokenizer_type": "mecab"}, "word_tokenizer_type 'mecab'"),
        ("bert", {"subword_tokenizer_type": "character"}, "subword_tokenizer_type 'character'"),
    ],
)
def test_classes_that_are_not_known_are_refused(
    name: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path, name)
    write_json(folder / "tokenizer_config.json", settings)
    with pytest.raises(ArtifactError, match=message):
        load_tokenizer(folder)


def test_model_type_that_is_not_known_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, "gpt2")
    (folder / "tokenizer_config.json").unlink()
    write_json(folder / "config.json", {"model_type": "flaubert"})
    with pytest.raises(ArtifactError, match="how 'flaubert' splits text"):
        load_tokenizer(folder)


def test_pieces_of_no_known_class_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "vocab.json", numbered(["t", "h", "th</w>", "<unk>"]))
    (tmp_path / "merges.txt").write_text("t h</w>\n")
    with pytest.raises(ArtifactError, match="no settings name the tokenizer's class"):
        load_tokenizer(tmp_path)


def test_names_of_openai(tmp_path: Path) -> None:
    expected = load_tokenizer(write_folder(tmp_path, "gpt2")).encode_batch(TEXTS)
    (tmp_path / "vocab.json").rename(tmp_path / "encoder.json")
    (tmp_path / "merges.txt").rename(tmp_path / "vocab.bpe")
    for path in (tmp_path, tmp_path / "encoder.json", tmp_path / "vocab.bpe"):
        assert load_tokenizer(path).encode_batch(TEXTS) == expected


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_files_that_passed_through_windows(name: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, name)
    expected = load_tokenizer(folder)
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    again = load_tokenizer(folder)
    assert again.encode_batch(TEXTS) == expected.encode_batch(TEXTS)
    assert again.special_ids == expected.special_ids


def test_case_that_is_assumed_is_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, "bert")
    (folder / "tokenizer_config.json").unlink()
    tokenizer = load_tokenizer(folder)
    assert "with its case kept" in tokenizer.notes[0]
    assert tokenizer.encode("The the") == [9, 8]


def test_lines_that_come_twice_are_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, "bert")
    with (folder / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("the\n")
    tokenizer = load_tokenizer(folder)
    assert tokenizer.notes == ("1 of its lines come twice: the last one has the id, as in BERT",)
    assert tokenizer.encode("the") == [28]
