"""Conversations: records whose document is a list of messages, and not text.

Such a document is the JSON of what a chat template needs; `parse_conversation` reads it back.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tokit.arrays import Record
from tokit.errors import BadRecordError

# Formats that can hold lists of messages.
FORMATS = ("jsonl", "parquet", "arrow")
MESSAGES = "messages"
# Fields beside the messages that trainers hand to a chat template too.
TOOLS, SETTINGS = "tools", "chat_template_kwargs"
EXAMPLE = 'such as [{"role": "user", "content": "…"}]'


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


class ConversationError(Exception):
    """A record that holds no conversation; the message is the reason."""


def conversation_document(place: str, record: Record, field: str) -> str:
    """The document of a record with messages; it may hold halves of surrogate pairs.

    Raises:
        CorpusError: the record holds what JSON cannot write, such as bytes.
    """
    parts = [record[field], record.get(TOOLS), record.get(SETTINGS)]
    try:
        return json.dumps(parts, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"a message holds what JSON cannot write: {error}"
        raise BadRecordError(place, message, "no conversation", hint="write it as text") from error


def parse_conversation(document: str) -> Conversation:
    """Read the document of a conversation back.

    Raises:
        ConversationError: it holds no messages, or the tools are no list.
    """
    messages, tools, settings = json.loads(document)
    if not isinstance(messages, list) or not messages:
        raise ConversationError(f"{_kind(messages)} where a list of messages should be, {EXAMPLE}")
    for number, message in enumerate(messages, 1):
        _check_message(number, message)
    if settings is not None and not isinstance(settings, dict):
        raise ConversationError(f"field '{SETTINGS}' is {_kind(settings)}, not an object")
    return Conversation(messages, _tools(tools), settings or {})


def _check_message(number: int, message: Any) -> None:
    if not isinstance(message, dict):
        raise ConversationError(f"message {number} is {_kind(message)}, not an object, {EXAMPLE}")
    if isinstance(message.get("role"), str):
        return
    if "from" in message and "value" in message:
        raise ConversationError(
            f"message {number} has 'from' and 'value' (ShareGPT's form), not 'role' and 'content'; "
            "trl.maybe_convert_to_chatml converts it"
        )
    raise ConversationError(f"message {number} has no role that is text, {EXAMPLE}")


def _tools(tools: Any) -> list[Any] | None:
    # `datasets` has no type for tools of different form: they are often kept as a string of JSON.
    if isinstance(tools, str):
        try:
            tools = json.loads(tools) if tools.strip() else None
        except ValueError as error:
            raise ConversationError(f"field '{TOOLS}' is not JSON: {error}") from error
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise ConversationError(f"field '{TOOLS}' is not a list of objects")
    return tools or None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an empty list", str: "text", bool: "a boolean", int: "a number"}
    return "null" if value is None else names.get(type(value), "a number")
