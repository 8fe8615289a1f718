"""Wikipedia dumps: an article is a document; gensim removes its markup.

Redirects and pages outside the main namespace are left out. The result is text with paragraphs, not exact prose: gensim
drops most templates and tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from tokit.arrays import Block
from tokit.corpus.byte_stream import ByteStream, ReadStats
from tokit.corpus.formats.base import Reader, ReadOptions, parsing
from tokit.corpus.formats.records import Collector
from tokit.errors import CorpusError, MissingPackageError

PIECE = 1 << 16
_QUOTES = re.compile("'{2,}")
_HEADING = re.compile(r"^(=+)[ \t]*(.*?)[ \t]*\1[ \t]*$", re.MULTILINE)
_GAPS = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")


def read_mediawiki(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[Block]:
    """Blocks of a dump; a record holds the title and the text."""
    filter_wiki = _filter_wiki()
    collector = Collector(options, stats)
    for title, markup in _articles(stream):
        text = _plain(filter_wiki(markup))
        if text:
            collector.add(f"{stream.name}: article '{title}'", text, {"title": title, options.field: text})
        if collector.full:
            yield from collector.take()
    yield from collector.take()


def _filter_wiki() -> Callable[[str], str]:
    try:
        from gensim.corpora.wikicorpus import filter_wiki
    except ImportError as error:
        raise MissingPackageError(
            "reading a Wikipedia dump needs gensim, which is not installed",
            hint="pip install gensim, or convert the dump to text with another tool first",
        ) from error
    return cast(Callable[[str], str], filter_wiki)


def _plain(text: str) -> str:
    """Remove the markup that gensim leaves: quotes of bold and italics, signs of headings, runs of empty lines."""
    return _GAPS.sub("\n\n", _HEADING.sub(r"\2", _QUOTES.sub("", text))).strip()


def _articles(stream: ByteStream) -> Iterator[tuple[str, str]]:
    """Title and markup of each article."""
    root: Element | None = None
    for event, element in _events(stream):
        if root is None:
            root = element
        if event == "end" and _local(element) == "page":
            fields = {_local(child): child.text or "" for child in element.iter()}
            if fields.get("ns", "0") == "0" and "redirect" not in fields:
                yield fields.get("title", ""), fields.get("text", "")
            # The tree would otherwise grow to the size of the dump.
            root.clear()


def _events(stream: ByteStream) -> Iterator[tuple[str, Element]]:
    parser: XMLPullParser[Any] = XMLPullParser(["start", "end"])
    try:
        while piece := stream.read(PIECE):
            parser.feed(piece)
            yield from _elements(parser)
        parser.close()
        yield from _elements(parser)
    except ParseError as error:
        raise CorpusError(f"{stream.name}: broken XML, it may be truncated: {error}") from error


def _elements(parser: XMLPullParser[Any]) -> Iterator[tuple[str, Element]]:
    # "start" and "end" are the only events asked for, and both come with an element.
    yield from cast(Iterator[tuple[str, Element]], parser.read_events())


def _local(element: Element) -> str:
    """The tag without its namespace, which differs from one version of the format to the next."""
    return element.tag.rpartition("}")[2]


MEDIAWIKI = Reader(parsing(read_mediawiki), option=None)
