"""Whole blocks encoded by the kernels, with the library's help for documents that need it.

A normalizer is asked only for documents that hold a character it might change, and a document in which an added token
may stand, or a text that a guard cuts, is left to the library as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tokit.arrays import Block, Ids, Mask
from tokit.text.normalizer import BlockNormalizer
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.encode.kernel_encoder import encoder_for
from tokit.tokenizer.pretokenizer_json import splitting_of

if TYPE_CHECKING:
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# The library's names of normalizers whose effect on single characters was probed.
PROBED = {
    "NFC": "nfc", "NFD": "nfd", "NFKC": "nfkc", "NFKD": "nfkd", "Lowercase": "lowercase",
    "StripAccents": "strip-accents",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Added:
    """Tokens that are looked for in the text before anything else; a guard's texts are among the others."""

    special: tuple[bytes, ...]
    others: tuple[bytes, ...]


class BlockEncoder:
    """Encodes blocks as its tokenizer does.

    Args:
        tokenizer: Whose engine does what the kernels cannot.
    """

    def __init__(self, tokenizer: LibraryTokenizer) -> None:
        self._tokenizer = tokenizer
        self._spec = tokenizer.specification()
        self._normalizer = tokenizer.library.normalizer if self._spec["normalizer"] else None
        self._normalized = BlockNormalizer(self._normalizer, _steps(self._spec["normalizer"]))
        self._splitting = splitting_of(self._spec)
        self._fast = (
            encoder_for(self._spec["model"], self._splitting)
            if self._splitting is not None and self._takes_added_tokens()
            else None
        )

    @property
    def able(self) -> bool:
        """Whether the kernels know all that this tokenizer does."""
        return self._fast is not None

    def encode(self, block: Block, options: EncodeOptions) -> Ids:
        """Ids of each document."""
        room = self._tokenizer.room(options)
        left = self._left_to_library(block, options)
        normalised = self._normalized(block)
        if normalised is not block:
            left |= self._left_to_library(normalised, options)
        if not left.any():
            return self._finished(self._run(normalised), room, options)
        ours = self._finished(self._run(normalised.select(~left)), room, options)
        theirs = self._tokenizer.encode_batch(block.select(left).texts(), options)
        return _woven(ours, Ids.of(theirs), left)

    def _run(self, block: Block) -> Ids:
        if self._fast is None:
            raise RuntimeError("the kernels cannot run this tokenizer; ask `able` first")
        return self._fast.encode(block)

    def _left_to_library(self, block: Block, options: EncodeOptions) -> Mask:
        """Which documents hold the text of an added token that is looked for."""
        found = np.zeros(len(block), dtype=np.bool_)
        wanted = self._added.others + (self._added.special if options.parse_special else ())
        if not wanted or not len(block):
            return found
        raw = block.data.tobytes()
        # Most begin alike, and one search tells that none of them is there.
        if len(wanted) > 1 and raw.find(_common_start(wanted)) < 0:
            return found
        for text in wanted:
            at = raw.find(text)
            while at >= 0:
                document = int(np.searchsorted(block.ends, at, side="right"))
                found[document] = True
                # Whatever else stands in this document, the library will see.
                at = raw.find(text, int(block.ends[document]))
        return found

    @cached_property
    def _added(self) -> Added:
        tokens = self._spec["added_tokens"]
        special = [token["content"] for token in tokens if token["special"]]
        others = [token["content"] for token in tokens if not token["special"]]
        guarded = self._splitting.guarded if self._splitting is not None else ()
        return Added(_encoded(special), _encoded([*others, *guarded]))

    def _takes_added_tokens(self) -> bool:
        """Whether looking for the tokens' own texts finds every place where the library would see one."""
        if self._normalizer is None:
            return True
        contents = [token["content"] for token in self._spec["added_tokens"] if token["normalized"]]
        return all(self._normalizer.normalize_str(content) == content for content in contents)

    def _finished(self, ids: Ids, room: int | None, options: EncodeOptions) -> Ids:
        """Cut to the length asked for, with the template's tokens around."""
        if room is not None:
            ids = _shortened(ids, room)
        if options.add_special:
            ids = _framed(ids, *self._tokenizer.frame)
        return ids


def _encoded(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts if text)


def _steps(normalizer: dict[str, Any] | None) -> list[str] | None:
    """What a normalizer of a tokenizer.json does; None when that was not probed."""
    if normalizer is None:
        return []
    if normalizer["type"] == "Sequence":
        inner = [_steps(each) for each in normalizer["normalizers"]]
        return [name for names in inner if names is not None for name in names] if None not in inner else None
    if normalizer["type"] == "BertNormalizer":
        return _bert_steps(normalizer)
    name = PROBED.get(normalizer["type"])
    return None if name is None else [name]


def _bert_steps(normalizer: dict[str, Any]) -> list[str]:
    accents = normalizer.get("strip_accents")
    asked = {
        "clean-text": normalizer["clean_text"],
        "chinese-chars": normalizer["handle_chinese_chars"],
        "bert-accents": normalizer["lowercase"] if accents is None else accents,
        "lowercase": normalizer["lowercase"],
    }
    return [name for name, wanted in asked.items() if wanted]


def _common_start(texts: tuple[bytes, ...]) -> bytes:
    first, last = min(texts), max(texts)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]


def _shortened(ids: Ids, room: int) -> Ids:
    """The first `room` ids of each document."""
    lengths = ids.lengths
    if lengths.max(initial=0) <= room:
        return ids
    places = np.arange(len(ids.data)) - np.repeat(ids.ends - lengths, lengths)
    return Ids(ids.data[places < room], np.cumsum(np.minimum(lengths, room), dtype=np.int64))


def _framed(ids: Ids, before: list[int], after: list[int]) -> Ids:
    """The same ids with others around each document."""
    starts = ids.starts
    count = len(ids.ends)
    places = np.concatenate([np.repeat(starts, len(before)), np.repeat(ids.ends, len(after))])
    values = np.concatenate([np.tile(before, count), np.tile(after, count)]).astype(np.uint32)
    # Sorted by document, so that an empty one has its own two sides next to each other.
    order = np.lexsort(
        (
            np.concatenate([np.zeros(count * len(before)), np.ones(count * len(after))]),
            np.concatenate([np.repeat(np.arange(count), len(before)), np.repeat(np.arange(count), len(after))]),
        )
    )
    data = np.insert(ids.data, places[order], values[order])
    return Ids(data, ids.ends + np.arange(1, count + 1) * (len(before) + len(after)))


def _woven(ours: Ids, theirs: Ids, left: Mask) -> Ids:
    """Documents of two kinds in the order in which they came: theirs where `left` is true."""
    lengths = np.empty(len(left), dtype=np.int64)
    lengths[~left] = ours.lengths
    lengths[left] = theirs.lengths
    ends = np.cumsum(lengths, dtype=np.int64)
    of_library = np.repeat(left, lengths)
    data = np.empty(len(of_library), dtype=np.uint32)
    data[~of_library] = ours.data
    data[of_library] = theirs.data
    return Ids(data, ends)
