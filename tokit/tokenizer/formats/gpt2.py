"""vocab.json with merges.txt: the two files of GPT-2's byte-level BPE.

https://github.com/openai/gpt-2 (encoder.json and vocab.bpe under transformers' names)
"""

from __future__ import annotations

from pathlib import Path

from tokit.errors import ArtifactError
from tokit.storage.folder import read_json
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.base import TokenizerFormat, from_library, make_byte_level, read_text


class Gpt2Files(TokenizerFormat):
    """A vocabulary and its merges, in two files of one folder."""

    origin = "vocab.json and merges.txt"
    files = "vocab.json with merges.txt"
    folder_files = ("vocab.json", "merges.txt")

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.name in cls.folder_files

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        from tokenizers import Tokenizer as Library
        from tokenizers import models

        vocab_path, merges_path = (path.with_name(name) for name in cls.folder_files)
        vocab, merges = read_json(vocab_path), read_merges(merges_path)
        try:
            library = Library(models.BPE(vocab=vocab, merges=merges))
        except Exception as error:  # the library raises a bare Exception
            raise ArtifactError(
                f"{merges_path}: does not fit {vocab_path}: {error}", hint="fetch both files again"
            ) from error
        make_byte_level(library, "gpt2")
        specials = [text for text in ("<|endoftext|>",) if text in vocab]
        return from_library(library, vocab_path, family="bpe", origin=cls.origin, specials=specials)


def read_merges(path: Path) -> list[tuple[str, str]]:
    """(left, right) of each line.

    Raises:
        ArtifactError: the file cannot be read, or is not UTF-8.
    """
    lines = [line for line in read_text(path).split("\n") if line and not line.startswith("#version")]
    return [(left, right) for left, _, right in (line.partition(" ") for line in lines)]
