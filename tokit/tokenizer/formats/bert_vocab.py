"""vocab.txt of BERT: one WordPiece token a line.

https://github.com/google-research/bert (tokenization.py)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.base import TokenizerFormat, of_a_class, present_tokens, read_text
from tokit.tokenizer.formats.folder_settings import FolderSettings, read_settings
from tokit.tokenizer.formats.tokenizer_classes import WORDPIECE_CLASSES, class_of
from tokit.tokenizer.formats.wordpiece_options import normalizer_options

KINDS = {"word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece"}


class BertVocab(TokenizerFormat):
    """A WordPiece vocabulary with BERT's normalizer, pre-tokenizer and template, or those of a class like it."""

    origin = "vocab.txt"
    files = "vocab.txt"
    folder_files = ("vocab.txt",)

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.name.endswith("vocab.txt")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        from tokenizers import Tokenizer as Library
        from tokenizers import decoders, models, normalizers, pre_tokenizers

        # A vocabulary of another name may lie beside any model's settings.
        settings = read_settings(path.parent) if path.name in cls.folder_files else FolderSettings()
        for name, kind in KINDS.items():
            if settings.setting(name, str) not in (None, kind):
                raise ArtifactError(
                    f"{path}: its settings ask for a {name} '{settings.setting(name, str)}'",
                    hint=f"tokit knows '{kind}'",
                )
        named = class_of(settings, WORDPIECE_CLASSES, path)
        behavior = named[1] if named else WORDPIECE_CLASSES["BertTokenizer"]
        settings = behavior.complete(settings)
        vocab, notes = read_vocab(path, settings.text("unk_token"))
        # A class says which special tokens there are; a vocabulary alone has those that are in it.
        settings = settings if named else present_tokens(settings, vocab)
        options, more = _options(settings, vocab, assumed=settings.config is None)
        library = Library(models.WordPiece(vocab=vocab, unk_token=settings.text("unk_token")))
        library.normalizer = normalizers.BertNormalizer(clean_text=True, **options)
        library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        library.decoder = decoders.WordPiece(prefix="##", cleanup=False)
        return of_a_class(
            library, path, behavior, settings, family="wordpiece", origin=cls.origin, notes=(*notes, *more)
        )


def _options(
    settings: FolderSettings, vocab: dict[str, int], *, assumed: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Options of BERT's normalizer, and a note where no settings give them."""
    options = normalizer_options(settings)
    if not assumed:
        return options, ()
    # A vocabulary that lower-casing would not change is not of a cased model.
    lower = options["lowercase"] = all(token == token.lower() for token in vocab if not token.startswith(("[", "<")))
    case = "lower-cased, as its tokens are" if lower else "with its case kept, as its tokens have capitals"
    return options, (f"no tokenizer_config.json is beside it: text is {case}",)


def read_vocab(path: Path, unknown: str = "[UNK]") -> tuple[dict[str, int], tuple[str, ...]]:
    """Token → id, the number of its line; and a note on tokens that come twice.

    Raises:
        ArtifactError: the file cannot be read, or is not a BERT vocabulary.
    """
    tokens = [line.rstrip("\r") for line in read_text(path).removesuffix("\n").split("\n")]
    vocab = {token: i for i, token in enumerate(tokens)}
    if unknown not in vocab:
        raise ArtifactError(
            f"{path}: not a BERT vocabulary (no {unknown})", hint="give a tokenizer.json, or a vocab.txt"
        )
    twice = len(tokens) - len(vocab)
    return vocab, (f"{twice} of its lines come twice: the last one has the id, as in BERT",) if twice else ()
