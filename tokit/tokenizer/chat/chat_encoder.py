"""Encode conversations as `apply_chat_template` does, with a mask of what the assistant writes.

Special tokens that the template writes are tokens; in what people wrote they stay text, so that no message can end its
turn or begin another's (transformers: `sanitize_control_tokens=True`). With `parse_special` all are tokens, which is
what transformers does by default.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokit.arrays import Block, Ids, Mask
from tokit.corpus.conversations import Conversation, ConversationError, parse_conversation
from tokit.errors import CorpusError
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.chat.render import ChatRenderer, Rendered, RenderError
from tokit.tokenizer.chat.with_chat_template import special_names, template_variables
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

PARSED, PLAIN_TEXT = EncodeOptions(parse_special=True), EncodeOptions()
# Private use: marks are two of these that a conversation does not hold.
MARKS = range(0xF0000, 0xF0100)


class Encoded(NamedTuple):
    """One conversation: its ids, the (start, end) of each in characters of the rendered text, and that text's end."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    rendered: Rendered


class Part(NamedTuple):
    """A part of a rendered conversation: where it starts, and whether special tokens in it are text."""

    start: int
    text: str
    as_text: bool


class ChatEncoder:
    """Encodes the conversations of a corpus.

    Args:
        tokenizer: A tokenizer with a chat template.
        end_of_text: Id that closes a conversation whose template does not; None leaves it open.
        errors: "skip" leaves out records that hold no conversation, or one that the template refuses.

    Attributes:
        refused: Reason → number of records that were left out.
        with_special_text: Number of conversations in which somebody wrote the text of a special token.

    Raises:
        MissingExtraError: transformers or Jinja is not installed.
    """

    def __init__(self, tokenizer: LibraryTokenizer, *, end_of_text: int | None = None, errors: str = "strict") -> None:
        self.refused: Counter[str] = Counter()
        self.with_special_text = 0
        self._tokenizer = tokenizer
        self._renderer = ChatRenderer(tokenizer.chat_templates, template_variables(tokenizer))
        self._end_of_text = end_of_text
        self._end = None if end_of_text is None else tokenizer.pieces.names[end_of_text]
        self._skip = errors == "skip"
        specials = sorted(special_names(tokenizer), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, specials)) or "(?!)")
        self._newline = tokenizer.encode("\n", PARSED)
        self._lock = threading.Lock()

    @property
    def marks_assistant(self) -> bool:
        """True if the template marks what the assistant writes, so that there is a mask."""
        return self._renderer.marks_assistant

    def notes(self, options: EncodeOptions) -> tuple[str, ...]:
        """Notes for the user on the conversations that were encoded."""
        notes = []
        if self.with_special_text:
            plural = "" if self.with_special_text == 1 else "s"
            reading = "was read as tokens" if options.parse_special else "stayed text; --parse-special reads tokens"
            notes.append(f"the text of special tokens in {self.with_special_text:,} conversation{plural} {reading}")
        if not self.marks_assistant:
            notes.append("the chat template does not mark what the assistant writes ({% generation %}): no mask")
        return tuple(notes)

    def encode_documents(self, block: Block, options: EncodeOptions) -> tuple[Block, Ids]:
        """Ids of each conversation, and the block without records that are none or that the template refuses.

        Raises:
            CorpusError: there is such a record, and `errors` is not "skip".
        """
        rendered, accepted = [], np.ones(len(block), dtype=np.bool_)
        for number, document in enumerate(block.texts()):
            try:
                rendered.append(self._parts(parse_conversation(document), options))
            except ConversationError as error:
                self._refuse(block, number, error, "they hold no conversation")
                accepted[number] = False
            except RenderError as error:
                self._refuse(block, number, error, "the chat template refuses them")
                accepted[number] = False
        encoded = list(self._encode(rendered))
        block = block if accepted.all() else block.select(accepted)
        return block, self._joined(encoded, options.max_length)

    def _refuse(self, block: Block, number: int, error: Exception, reason: str) -> None:
        if not self._skip:
            place = block.places[number] if block.places is not None else f"conversation {number + 1}"
            refused = "the chat template refuses the conversation: " if isinstance(error, RenderError) else ""
            raise CorpusError(f"{place}: {refused}{error}", hint="--errors skip leaves such records out") from error
        with self._lock:
            self.refused[reason] += 1

    def _parts(self, conversation: Conversation, options: EncodeOptions) -> tuple[Rendered, list[Part]]:
        """A conversation as text, and that text in parts between which special tokens are text."""
        holds_special = self._holds_special(conversation)
        if holds_special:
            with self._lock:
                self.with_special_text += 1
        if not holds_special or options.parse_special:
            rendered = self._renderer.render(*conversation)
            return rendered, [Part(0, rendered.text, as_text=False)]
        before, after = _unused_marks(conversation)
        marked = Conversation(*_replaced(tuple(conversation), self._special, f"{before}\\g<0>{after}"))
        rendered = self._renderer.render(*marked)
        pattern = f"{before}({self._special.pattern}){after}|[{before}{after}]"
        return rendered, list(_split(rendered.text, re.compile(pattern)))

    def _holds_special(self, conversation: Conversation) -> bool:
        return any(self._special.search(text) for text in _texts(tuple(conversation)))

    def _encode(self, conversations: Sequence[tuple[Rendered, list[Part]]]) -> Iterator[Encoded]:
        whole = iter(
            self._tokenizer.encode_with_offsets(
                [parts[0].text for _, parts in conversations if len(parts) == 1], PARSED
            )
        )
        for rendered, parts in conversations:
            if len(parts) == 1:
                found = next(whole)
                yield Encoded(found.ids, found.offsets, rendered)
            else:
                yield Encoded(*self._encode_parts(parts), rendered)

    def _encode_parts(self, parts: Sequence[Part]) -> tuple[list[int], list[tuple[int, int]]]:
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        for part in parts:
            options = PLAIN_TEXT if part.as_text else PARSED
            part_ids, part_offsets = self._encode_part(part, options)
            ids += part_ids
            offsets += [(start + part.start, end + part.start) for start, end in part_offsets]
        return ids, offsets

    def _encode_part(self, part: Part, options: EncodeOptions) -> tuple[list[int], list[tuple[int, int]]]:
        if part.start:
            # Behind a newline no space is put before the text, as some tokenizers do at its start.
            [found] = self._tokenizer.encode_with_offsets(["\n" + part.text], options)
            skip = len(self._newline)
            if found.ids[:skip] == self._newline:
                return found.ids[skip:], [(start - 1, end - 1) for start, end in found.offsets[skip:]]
        [found] = self._tokenizer.encode_with_offsets([part.text], options)
        return found.ids, found.offsets

    def _joined(self, encoded: Sequence[Encoded], max_length: int | None) -> Ids:
        rows, masks = [], []
        for conversation in encoded:
            ids, mask = conversation.ids, _mask(conversation)
            if max_length is not None and len(ids) > max_length:
                ids, mask = ids[:max_length], mask[:max_length]
            elif self._end_of_text is not None and self._is_open(conversation.rendered.text):
                ids, mask = [*ids, self._end_of_text], np.append(mask, _ends_with_assistant(conversation.rendered))
            rows.append(ids)
            masks.append(mask)
        joined = Ids.of(rows)
        if not self.marks_assistant:
            return joined
        return Ids(joined.data, joined.ends, np.concatenate([np.zeros(0, dtype=np.bool_), *masks]))

    def _is_open(self, text: str) -> bool:
        return self._end is not None and not text.rstrip().endswith(self._end)


def _ends_with_assistant(rendered: Rendered) -> bool:
    """True if the assistant has the last word: the end belongs to its turn, so that a model learns to stop."""
    return bool(rendered.spans) and not rendered.text[rendered.spans[-1][1] :].strip()


def _mask(conversation: Encoded) -> Mask:
    """True for each token that overlaps what the assistant writes."""
    offsets = np.array(conversation.offsets, dtype=np.int64).reshape(-1, 2)
    mask = np.zeros(len(offsets), dtype=np.bool_)
    for start, end in conversation.rendered.spans:
        mask |= (offsets[:, 0] < end) & (offsets[:, 1] > start)
    return mask


def _split(text: str, marked: re.Pattern[str]) -> Iterator[Part]:
    """The parts of a rendered text: between marks a special token is text; marks that the template parted vanish."""
    start = 0
    for match in marked.finditer(text):
        if match.start() > start:
            yield Part(start, text[start : match.start()], as_text=False)
        if match[1]:
            yield Part(match.start(1), match[1], as_text=True)
        start = match.end()
    if start < len(text):
        yield Part(start, text[start:], as_text=False)


def _unused_marks(conversation: Conversation) -> tuple[str, str]:
    used = set("".join(_texts(tuple(conversation))))
    free = [chr(code) for code in MARKS if chr(code) not in used]
    if len(free) < 2:
        raise RenderError("it holds every character that could mark special tokens")
    return free[0], free[1]


def _texts(value: Any) -> Iterator[str]:
    """All strings of a value of JSON, but for names of entries."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _texts(entry)


def _replaced(value: Any, pattern: re.Pattern[str], replacement: str) -> Any:
    """A value of JSON with a pattern replaced in all of its strings, but for names of entries."""
    if isinstance(value, str):
        return pattern.sub(replacement, value)
    if isinstance(value, dict):
        return {name: _replaced(entry, pattern, replacement) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(entry, pattern, replacement) for entry in value]
    return value
