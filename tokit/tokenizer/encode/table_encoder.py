"""Encode characters or bytes by a table: a model without merges needs no pre-tokens and no cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, IdArray, Ids
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import DROPPED, UNKNOWN
from tokit.text.pipeline import DROPPING, METASPACE, TextPipeline
from tokit.text.pretokenizer import CODE_POINTS, P_GAP, PAGE, properties
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.encode.recognize import RecognizedPreTokenizer
from tokit.tokenizer.special_tokens import BYTE_TOKENS


@dataclass(frozen=True, slots=True)
class ByteEncoder:
    """Encodes bytes.

    Attributes:
        symbols: Id of each byte, shape (256,).
    """

    symbols: IdArray

    def encode(self, block: Block) -> Ids:
        """Ids of each document of normalized text."""
        return Ids(self.symbols[block.data], block.ends)


@dataclass(frozen=True, slots=True)
class CharacterEncoder:
    """Encodes characters in the kernel `encode_characters`.

    Attributes:
        pages: Start of the page of each 256 code points in `values`; int32, shape (0x1100,).
        values: Id of each character, UNKNOWN or DROPPED; uint32.
        byte_ids: Id of each byte, for unknown characters; shape (256,), or (0,) if they get `unknown`.
        unknown: Id of the unknown token; -1 if there is none.
    """

    pages: npt.NDArray[np.int32]
    values: IdArray
    byte_ids: IdArray
    unknown: int

    def encode(self, block: Block) -> Ids:
        """Ids of each document of normalized text."""
        out, ends = np.empty(len(block.data), dtype=np.uint32), np.empty(len(block), dtype=np.int64)
        used = kernel("encode_characters")(
            block.data, block.ends, self.pages, self.values, self.byte_ids, self.unknown, out, ends
        )
        return Ids(out[:used], ends)


def table_encoder_for(
    model: dict[str, Any], pretokenizer: RecognizedPreTokenizer
) -> ByteEncoder | CharacterEncoder | None:
    """An encoder for a BPE without merges; None for any other model, or one that needs more than a table."""
    unsupported = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges", "fuse_unk")
    if model["type"] != "BPE" or model["merges"] or any(model.get(name) for name in unsupported):
        return None
    if pretokenizer.byte_level:
        return _byte_encoder(model["vocab"], pretokenizer.pipeline)
    return _character_encoder(model, pretokenizer.pipeline)


def _byte_encoder(vocab: dict[str, int], pipeline: TextPipeline) -> ByteEncoder | None:
    if not pipeline.keeps_text or not all(character in vocab for character in byte_alphabet()):
        return None
    return ByteEncoder(_ids(vocab[character] for character in byte_alphabet()))


def _character_encoder(model: dict[str, Any], pipeline: TextPipeline) -> CharacterEncoder | None:
    vocab: dict[str, int] = model["vocab"]
    byte_ids = [vocab[token] for token in BYTE_TOKENS if token in vocab] if model.get("byte_fallback") else []
    unknown = vocab.get(model.get("unk_token") or "", -1)
    # The library drops a character that has neither bytes nor the unknown token, and a metaspace without an id becomes
    # three bytes.
    drops = len(byte_ids) < len(BYTE_TOKENS) if model.get("byte_fallback") else unknown < 0
    if drops or (pipeline.pre_tokenizer == "metaspace" and METASPACE not in vocab):
        return None
    pages, values = _characters(vocab, pipeline)
    return CharacterEncoder(pages, values, _ids(byte_ids), -1 if byte_ids else unknown)


def _characters(vocab: dict[str, int], pipeline: TextPipeline) -> tuple[npt.NDArray[np.int32], IdArray]:
    table = np.full((CODE_POINTS // PAGE, PAGE), UNKNOWN, dtype=np.uint32)
    flat = table.reshape(-1)
    single = {ord(token): i for token, i in vocab.items() if len(token) == 1}
    flat[list(single)] = list(single.values())
    if pipeline.pre_tokenizer in DROPPING:
        flat[_gaps()] = DROPPED
    if pipeline.pre_tokenizer == "metaspace":
        flat[ord(" ")] = vocab[METASPACE]
    # Most pages have unknown characters alone, and those share one.
    filled = np.flatnonzero((table != UNKNOWN).any(axis=1))
    pages = np.zeros(len(table), dtype=np.int32)
    pages[filled] = np.arange(1, len(filled) + 1) * PAGE
    return pages, np.concatenate([np.full(PAGE, UNKNOWN, dtype=np.uint32), table[filled].reshape(-1)])


def _gaps() -> npt.NDArray[np.int64]:
    """Code points of the white space that pre-tokenizers drop."""
    pages, bits = properties()
    points = np.arange(CODE_POINTS)
    return np.flatnonzero(bits[pages[points // PAGE] + points % PAGE] & P_GAP)


def _ids(values: Iterable[int]) -> IdArray:
    return np.array(list(values), dtype=np.uint32)
