"""vocab.txt of BERT: one WordPiece token a line.

https://github.com/google-research/bert (tokenization.py)
"""

from __future__ import annotations

from pathlib import Path

from tokit.errors import ArtifactError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.base import TokenizerFormat, from_library, read_text

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class BertVocab(TokenizerFormat):
    """A WordPiece vocabulary, cased or not, with BERT's normalizer, pre-tokenizer and template."""

    origin = "vocab.txt"
    files = "vocab.txt"
    folder_files = ("vocab.txt",)

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.name.endswith("vocab.txt")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        from tokenizers import Tokenizer as Library
        from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

        vocab = read_vocab(path)
        library = Library(models.WordPiece(vocab=vocab, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
        # The file does not say whether the model is cased; a vocabulary that lower-casing would not change is not.
        lowercase = all(token == token.lower() for token in vocab if not token.startswith("["))
        library.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        library.decoder = decoders.WordPiece(prefix="##", cleanup=False)
        if {"[CLS]", "[SEP]"} <= vocab.keys():
            library.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
        specials = [text for text in SPECIALS if text in vocab]
        return from_library(library, path, family="wordpiece", origin=cls.origin, specials=specials)


def read_vocab(path: Path) -> dict[str, int]:
    """Token → id: the number of its line.

    Raises:
        ArtifactError: the file cannot be read, or is not a BERT vocabulary.
    """
    tokens = [line.rstrip("\r") for line in read_text(path).removesuffix("\n").split("\n")]
    vocab = {token: i for i, token in enumerate(tokens)}
    if "[UNK]" not in vocab:
        raise ArtifactError(f"{path}: not a BERT vocabulary (no [UNK])", hint="give a tokenizer.json, or a vocab.txt")
    return vocab
