"""The command that makes an artifact, as its manifest has it: what was asked for, without what changes no byte.

A command line sets it, and every manifest that is written meanwhile carries it; what Python makes carries none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RecordedRequest:
    """A command and its options.

    Attributes:
        command: Its words: ("fit", "skipgram").
        corpus: Names of the text, as they were given; empty for standard input, or for none.
        options: Value of each option that was given, by its name without dashes: a text, a list of texts, or true or
            false. Paths are as they were given.
    """

    command: tuple[str, ...]
    corpus: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


_CURRENT: ContextVar[RecordedRequest | None] = ContextVar("request", default=None)
_FIXED: ContextVar[RecordedRequest | None] = ContextVar("fixed_request", default=None)


def current_request() -> RecordedRequest | None:
    """The request that is being met; None in Python."""
    return _FIXED.get() or _CURRENT.get()


@contextmanager
def one_request() -> Iterator[None]:
    """A block in which `set_request` sets it, to be forgotten at its end."""
    token = _CURRENT.set(None)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def set_request(request: RecordedRequest | None) -> None:
    """Record a request with what is written from now on."""
    _CURRENT.set(request)


@contextmanager
def recorded_as(request: RecordedRequest) -> Iterator[None]:
    """A block in which all that is written carries one request, whatever command writes it."""
    token = _FIXED.set(request)
    try:
        yield
    finally:
        _FIXED.reset(token)
