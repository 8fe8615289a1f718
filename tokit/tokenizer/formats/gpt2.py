"""vocab.json with merges.txt: byte-level BPE of GPT-2 and of the classes that have its files.

How text is split is in neither file: the class fixes it, which settings beside them name.
https://github.com/openai/gpt-2 (encoder.json and vocab.bpe)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.storage.folder import read_json
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.formats.base import TokenizerFormat, of_a_class, present_tokens, read_text
from tokit.tokenizer.formats.folder_settings import FolderSettings, read_settings
from tokit.tokenizer.formats.merges import split_merges
from tokit.tokenizer.formats.tokenizer_classes import BYTE_LEVEL_CLASSES, CLIP_SUFFIX, TokenizerClass, class_of

if TYPE_CHECKING:
    import tokenizers

PAIRS = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
ROBERTA_TEXTS = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}


class Gpt2Files(TokenizerFormat):
    """A vocabulary and its merges, in two files of one folder."""

    origin = "vocab.json and merges.txt"
    files = "vocab.json with merges.txt"
    folder_files = tuple(name for pair in PAIRS for name in pair)

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.name in cls.folder_files

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        vocab_path, merges_path = (path.with_name(name) for name in next(pair for pair in PAIRS if path.name in pair))
        vocab = read_json(vocab_path)
        if not isinstance(vocab, dict) or not all(isinstance(i, int) for i in vocab.values()):
            raise ArtifactError(f"{vocab_path}: not a vocabulary of tokens and ids", hint="fetch it again")
        if not merges_path.is_file():
            raise ArtifactError(
                f"{merges_path}: No such file; a vocabulary alone does not say how text is split",
                hint=f"put {merges_path.name} beside it, or give a tokenizer.json",
            )
        merges = read_merges(merges_path, vocab)
        settings = read_settings(path.parent)
        named = class_of(settings, BYTE_LEVEL_CLASSES, path.parent)
        name, notes = (named[0], ()) if named else _assumed(vocab, merges, path)
        behavior = BYTE_LEVEL_CLASSES[name]
        settings = behavior.complete(settings) if named else present_tokens(behavior.complete(settings), vocab)
        library = _library(behavior, settings, vocab, merges, (vocab_path, merges_path))
        return of_a_class(library, vocab_path, behavior, settings, family="bpe", origin=cls.origin, notes=notes)


def read_merges(path: Path, vocab: dict[str, int]) -> list[tuple[str, str]]:
    """(left, right) of each line.

    Raises:
        ArtifactError: the file cannot be read, or is not UTF-8, or a line does not fit the vocabulary.
    """
    lines = (line.removesuffix("\r") for line in read_text(path).split("\n"))
    return split_merges([line for line in lines if line and not line.startswith("#version")], vocab, path)


def _assumed(vocab: dict[str, int], merges: list[tuple[str, str]], path: Path) -> tuple[str, tuple[str, ...]]:
    """The class that files without settings are taken for, and a note that says so."""
    name = "GPT2Tokenizer"
    if any(right.endswith(CLIP_SUFFIX) for _, right in merges):
        name = "CLIPTokenizer"
    elif vocab.keys() >= ROBERTA_TEXTS:
        name = "RobertaTokenizer"
    byte_level = vocab.keys() >= set(byte_alphabet())
    if not byte_level or (name == "CLIPTokenizer" and "<|startoftext|>" not in vocab):
        raise ArtifactError(
            f"{path.parent}: no settings name the tokenizer's class, and its pieces are not those of GPT-2, RoBERTa "
            "or CLIP",
            hint="fetch tokenizer_config.json too, or a tokenizer.json",
        )
    return name, (f"no settings beside it name its class: taken for {name}",)


def _library(
    behavior: TokenizerClass,
    settings: FolderSettings,
    vocab: dict[str, int],
    merges: list[tuple[str, str]],
    paths: tuple[Path, Path],
) -> tokenizers.Tokenizer:
    from tokenizers import Tokenizer as Library

    model: dict[str, Any] = {"type": "BPE", "vocab": vocab, "merges": merges, **behavior.model}
    if model.get("unk_token"):
        model["unk_token"] = settings.text("unk_token")
    spec: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": behavior.normalizer,
        "pre_tokenizer": behavior.split(settings),
        "post_processor": None,
        "decoder": behavior.decoder,
        "model": model,
    }
    try:
        return Library.from_str(json.dumps(spec))
    except Exception as error:  # the library raises a bare Exception
        raise ArtifactError(f"{paths[1]}: does not fit {paths[0]}: {error}", hint="fetch both files again") from error
