"""GloVe's text: a word and its numbers on a line, without a header."""

from __future__ import annotations

from typing import ClassVar

from tokit.embedding.formats.text_vectors import TextVectors


class GloveText(TextVectors):
    """GloVe's text. It has no header, so "400 5" is the word 400 in one dimension."""

    headed: ClassVar[bool] = False
    readable_as: ClassVar[tuple[str, ...]] = ("glove",)
