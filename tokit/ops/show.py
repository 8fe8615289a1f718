"""`tokit show`: the tokens of a text, and the bytes that each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.readable_token import half_character

PLAIN = EncodeOptions()


@dataclass(frozen=True, slots=True)
class ShownToken:
    """One token of a text.

    Attributes:
        id: Its id.
        token: As the tokenizer's file writes it: `Ġthe`, `##ing`.
        text: What it contributes; bytes that are not UTF-8 alone stand as U+FFFD.
        start: The first byte of the text that it stands for; None when the tokenizer does not tell.
        end: One past the last; equal to `start` for a token that stands for nothing in the text.
        special: Whether it is a special token.
        half: The bytes, when they are a part of a character; empty otherwise.
    """

    id: int
    token: str
    text: str
    start: int | None
    end: int | None
    special: bool
    half: bytes = b""


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text and its tokens."""

    text: str
    tokens: tuple[ShownToken, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """An id and the characters of the text that it stands for."""

    id: int
    start: int | None
    end: int | None


def show(tokenizer: Tokenizer, text: str, options: EncodeOptions = PLAIN) -> ShownText:
    """Split a text into tokens.

    Args:
        tokenizer: An open tokenizer.
        text: One document.
        options: Whether special tokens are added around the text, or read in it.
    """
    ids = tokenizer.encode(text, options)
    places = _plain_places(tokenizer, text, 0) if options == PLAIN else _special_places(tokenizer, text, ids, options)
    return ShownText(text, tuple(_refined(text, [_token(tokenizer, place) for place in _in_bytes(text, places)])))


def _token(tokenizer: Tokenizer, place: _Place) -> ShownToken:
    pieces = tokenizer.pieces
    name, text = pieces.names[place.id], pieces.texts[place.id]
    half = b"" if pieces.special[place.id] else half_character(name, text)
    return ShownToken(place.id, name, text, place.start, place.end, bool(pieces.special[place.id]), half)


def _plain_places(tokenizer: Tokenizer, text: str, shift: int) -> list[_Place]:
    ids, offsets = tokenizer.encode(text), tokenizer.offsets_batch([text])[0]
    return [_Place(i, start + shift, end + shift) for i, (start, end) in zip(ids, offsets, strict=True)]


def _special_places(tokenizer: Tokenizer, text: str, ids: Sequence[int], options: EncodeOptions) -> list[_Place]:
    """Places of ids among which are special tokens; without offsets when the parts do not give the same ids."""
    body = list(_parsed_places(tokenizer, text)) if options.parse_special else _plain_places(tokenizer, text, 0)
    body_ids = [place.id for place in body]
    special = tokenizer.pieces.special
    for front in range(len(ids) - len(body) + 1):
        after = front + len(body)
        if list(ids[front:after]) == body_ids and special[[*ids[:front], *ids[after:]]].all():
            before = [_Place(i, 0, 0) for i in ids[:front]]
            behind = [_Place(i, len(text), len(text)) for i in ids[after:]]
            return [*before, *body, *behind]
    return [_Place(i, None, None) for i in ids]


def _parsed_places(tokenizer: Tokenizer, text: str) -> Iterator[_Place]:
    """Cut the text at its special tokens and place the parts one by one."""
    pieces = tokenizer.pieces
    specials = {pieces.names[i]: i for i in pieces.special.nonzero()[0].tolist()}
    pattern = "|".join(re.escape(name) for name in sorted(specials, key=len, reverse=True) if name)
    parts = re.split(f"({pattern})", text) if pattern else [text]
    starts = [0, *accumulate(map(len, parts))]
    for part, start in zip(parts, starts, strict=False):
        if part in specials:
            yield _Place(specials[part], start, start + len(part))
        elif part:
            yield from _plain_places(tokenizer, part, start)


def _in_bytes(text: str, places: list[_Place]) -> list[_Place]:
    """Places in bytes of the text's UTF-8 instead of characters."""
    at = [0, *accumulate(len(sign.encode("utf-8")) for sign in text)]
    return [
        place if place.start is None or place.end is None else _Place(place.id, at[place.start], at[place.end])
        for place in places
    ]


def _refined(text: str, tokens: list[ShownToken]) -> list[ShownToken]:
    """Tokens that share a character, with the bytes of it that are their own.

    Tokenizers give each of them the whole character. Where their bytes together are the bytes that they share, each
    gets its part; otherwise (a normalizer changed them) all keep the whole.
    """
    raw = text.encode("utf-8")
    refined: list[ShownToken] = []
    for group in _sharing(tokens):
        parts = [token.half or token.text.encode("utf-8") for token in group]
        start, end = group[0].start, group[-1].end
        if len(group) > 1 and start is not None and raw[start:end] == b"".join(parts):
            cuts = accumulate(map(len, parts), initial=start)
            group = [  # noqa: PLW2901
                replace(token, start=a, end=b) for token, (a, b) in zip(group, pairwise(cuts), strict=True)
            ]
        refined.extend(group)
    return refined


def _sharing(tokens: list[ShownToken]) -> Iterator[list[ShownToken]]:
    """Tokens in groups that share characters; SentencePiece gives only the last byte of a character a width."""
    group: list[ShownToken] = []
    for token in tokens:
        if group and not _overlap(group[-1], token):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _overlap(before: ShownToken, token: ShownToken) -> bool:
    if before.end is None or token.start is None:
        return False
    return token.start < before.end or bool(before.half and before.start == before.end == token.start)
