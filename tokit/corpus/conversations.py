"""Conversations: records whose document is a list of messages, and not text.

Such a document is the JSON of what a chat template needs; `parse_conversation` reads it back.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tokit.arrays import Record
from tokit.errors import CorpusError

# Formats that can hold lists of messages.
FORMATS = ("jsonl", "parquet", "arrow")
MESSAGES = "messages"
# Fields beside the messages that trainers hand to a chat template too.
TOOLS, SETTINGS = "tools", "chat_template_kwargs"


class Conversation(NamedTuple):
    """One conversation.

    Attributes:
        messages: Messages with a role and a content.
        tools: Descriptions of tools; None without.
        settings: Further variables of the chat template.
    """

    messages: list[Any]
    tools: list[Any] | None
    settings: dict[str, Any]


def parse_conversation(document: str) -> Conversation:
    """Read the document of a conversation back."""
    return Conversation(*json.loads(document))


def conversation_document(place: str, record: Record, field: str) -> str:
    """The document of a record with messages; it may hold halves of surrogate pairs.

    Raises:
        CorpusError: the field holds no messages, or the tools are not a list.
    """
    messages = record[field]
    if not isinstance(messages, list) or not messages:
        raise CorpusError(f"{place}: field '{field}' is {_kind(messages)}, not a list of messages", hint=EXAMPLE)
    for number, message in enumerate(messages, 1):
        _check_message(f"{place}, message {number}", message)
    tools = _tools(place, record.get(TOOLS))
    settings = record.get(SETTINGS) or {}
    if not isinstance(settings, dict):
        raise CorpusError(f"{place}: field '{SETTINGS}' is {_kind(settings)}, not an object", hint="leave it out")
    try:
        return json.dumps([messages, tools, settings], ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise CorpusError(
            f"{place}: a message holds what JSON cannot write: {error}", hint="write it as text"
        ) from error


EXAMPLE = 'such as {"messages": [{"role": "user", "content": "…"}]}'


def _check_message(place: str, message: Any) -> None:
    if not isinstance(message, dict):
        raise CorpusError(f"{place} is {_kind(message)}, not an object", hint=EXAMPLE)
    if isinstance(message.get("role"), str):
        return
    if "from" in message and "value" in message:
        raise CorpusError(
            f"{place} has 'from' and 'value' (ShareGPT's form), not 'role' and 'content'",
            hint="convert it: trl.maybe_convert_to_chatml does",
        )
    raise CorpusError(f"{place} has no role that is text", hint=EXAMPLE)


def _tools(place: str, tools: Any) -> list[Any] | None:
    # `datasets` has no type for tools of different form: they are often kept as a string of JSON.
    if isinstance(tools, str):
        try:
            tools = json.loads(tools) if tools.strip() else None
        except ValueError as error:
            raise CorpusError(f"{place}: field '{TOOLS}' is not JSON: {error}", hint="write a list of tools") from error
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise CorpusError(f"{place}: field '{TOOLS}' is not a list of objects", hint="write a list of tools")
    return tools or None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an empty list", str: "text", bool: "a boolean", int: "a number"}
    return "null" if value is None else names.get(type(value), "a number")
