"""SentencePiece files whose settings name a class: ids and roles are those of the model, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.foreign_files import write_json
from tests.support.tokenizer_files import NATURAL, SPM_MODELS, sentencepiece_model
from tests.support.transformers_roles import ids_in_transformers, roles_in_transformers
from tokit.errors import ArtifactError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.load import load_tokenizer

T5_IDS = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
# Name → options of SentencePiece's trainer, name of the file, settings.
FOLDERS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "xlm-roberta": ({}, "sentencepiece.bpe.model", {"config.json": {"model_type": "xlm-roberta"}}),
    "xlm-roberta by class": (
        {}, "sentencepiece.bpe.model", {"tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer"}}
    ),
    "camembert": ({}, "sentencepiece.bpe.model", {"tokenizer_config.json": {"tokenizer_class": "CamembertTokenizer"}}),
    "t5": (T5_IDS, "spiece.model", {"tokenizer_config.json": {"tokenizer_class": "T5Tokenizer"}}),
    "t5 with ten sentinels": (
        T5_IDS, "spiece.model", {"tokenizer_config.json": {"tokenizer_class": "T5Tokenizer", "extra_ids": 10}}
    ),
}  # fmt: skip
TEXTS = ["<s> the<mask> cat</s>", "<extra_id_0> and <extra_id_9>", "", "  two  spaces", "<pad> <unk>", "a 🙂 b"]


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    return {name: sentencepiece_model(model_type="unigram", **FOLDERS[name][0]) for name in ("xlm-roberta", "t5")}


def write_folder(folder: Path, name: str, models: dict[str, bytes]) -> Path:
    options, file, settings = FOLDERS[name]
    (folder / file).write_bytes(models["t5" if options else "xlm-roberta"])
    for settings_file, content in settings.items():
        write_json(folder / settings_file, content)
    return folder


@pytest.mark.parametrize("name", FOLDERS)
def test_ids_and_roles_are_those_of_transformers(name: str, tmp_path: Path, models: dict[str, bytes]) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("google.protobuf")
    folder = write_folder(tmp_path, name, models)
    theirs, ours = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True), load_tokenizer(folder)
    texts = [*TEXTS, *NATURAL[::5]]
    for add_special in (False, True):
        options = EncodeOptions(parse_special=True, add_special=add_special)
        assert ours.encode_batch(texts, options) == ids_in_transformers(theirs, texts, add_special=add_special)
    assert ours.vocab_size == len(theirs)
    assert roles_in_transformers(theirs).items() <= ours.special_ids.items()


@pytest.mark.parametrize("name", ["MBartTokenizer", "NllbTokenizerFast", "PegasusTokenizer", "M2M100Tokenizer"])
def test_classes_with_other_ids_are_refused(name: str, tmp_path: Path, models: dict[str, bytes]) -> None:
    folder = write_folder(tmp_path, "xlm-roberta by class", models)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": name})
    with pytest.raises(ArtifactError, match=f"the ids of a {name.removesuffix('Fast')} are not those of its"):
        load_tokenizer(folder)


def test_name_of_a_file_of_fairseq_is_noted(tmp_path: Path, models: dict[str, bytes]) -> None:
    (tmp_path / "sentencepiece.bpe.model").write_bytes(models["xlm-roberta"])
    assert "XLM-R, mBART and others" in load_tokenizer(tmp_path).notes[0]


def test_unknown_class_is_noted(tmp_path: Path, models: dict[str, bytes]) -> None:
    (tmp_path / "tokenizer.model").write_bytes(models["xlm-roberta"])
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "NewTokenizer"})
    assert load_tokenizer(tmp_path).notes == ("taken for a NewTokenizer that has SentencePiece's ids",)


def test_settings_of_a_llama_give_roles_and_tokens(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**SPM_MODELS["bpe"]))
    plain = load_tokenizer(tmp_path)
    settings = {"tokenizer_class": "LlamaTokenizer", "eos_token": "</s>", "bos_token": "<s>", "pad_token": "</s>"}
    write_json(tmp_path / "tokenizer_config.json", settings)
    same = load_tokenizer(tmp_path)
    assert same.special_ids == {**plain.special_ids, "pad": 2}
    assert same.sha256 == plain.sha256
    write_json(tmp_path / "added_tokens.json", {"<pad>": plain.vocab_size, "<|user|>": plain.vocab_size + 1})
    write_json(tmp_path / "tokenizer_config.json", {**settings, "pad_token": "<pad>", "add_bos_token": True})
    more = load_tokenizer(tmp_path)
    assert more.special_ids == {**plain.special_ids, "pad": plain.vocab_size}
    assert more.vocab_size == plain.vocab_size + 2
    assert more.encode_batch(NATURAL) == plain.encode_batch(NATURAL)
    # `<|user|>` is no special token there: it is read in any text.
    assert more.encode("the<|user|>")[-1] == plain.vocab_size + 1
    assert more.encode("the", EncodeOptions(add_special=True)) == [1, *plain.encode("the")]
