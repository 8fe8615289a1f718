"""Render conversations as transformers does: its sandboxed Jinja, and the marks of what the assistant writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokit.errors import MissingExtraError, UsageError
from tokit.tokenizer.chat.template_files import DEFAULT

GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
# A tokenizer can have a template of its own for conversations with tools.
WITH_TOOLS = "tool_use"


class RenderError(Exception):
    """A conversation that its template refuses; the message is the template's reason."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as text.

    Attributes:
        text: The text.
        spans: (start, end), in characters, of what the assistant writes.
    """

    text: str
    spans: Sequence[tuple[int, int]]


class ChatRenderer:
    """Renders conversations through the templates of a tokenizer.

    Args:
        templates: Name → template, with a default.
        variables: Variables of the template, such as `bos_token`.

    Raises:
        MissingExtraError: transformers or Jinja is not installed.
        UsageError: a template with an error in its syntax.
    """

    def __init__(self, templates: Mapping[str, str], variables: Mapping[str, Any]) -> None:
        self._render = _renderer()
        self._templates = templates
        self._variables = variables
        for source in templates.values():
            check_syntax(source)

    @property
    def marks_assistant(self) -> bool:
        """True if the template marks what the assistant writes."""
        return GENERATION.search(self._templates[DEFAULT]) is not None

    def render(self, messages: Sequence[Any], tools: Any = None, settings: Mapping[str, Any] | None = None) -> Rendered:
        """Render one conversation.

        Args:
            messages: The messages; entries that are null are left out, as transformers does.
            tools: Descriptions of tools.
            settings: Further variables of the template.

        Raises:
            RenderError: the template refuses the conversation.
        """
        source = self._templates[WITH_TOOLS if tools and WITH_TOOLS in self._templates else DEFAULT]
        marked = GENERATION.search(source) is not None
        try:
            texts, spans = self._render(
                conversations=[_without_null(messages)],
                tools=tools,
                chat_template=source,
                return_assistant_tokens_mask=marked,
                **{**self._variables, **(settings or {})},
            )
        # A template is a program: it can fail as one does.
        except Exception as error:
            raise RenderError(str(error) or type(error).__name__) from error
        return Rendered(texts[0], spans[0] if marked else ())


def check_syntax(source: str) -> None:
    """Refuse a template that Jinja cannot read.

    Raises:
        UsageError: an error in its syntax, with its line.
    """
    from jinja2 import TemplateSyntaxError

    try:
        _renderer()(conversations=[[]], chat_template=source)
    except TemplateSyntaxError as error:
        raise UsageError(
            f"chat template, line {error.lineno}: {error.message}", hint="it has to be Jinja, as transformers reads it"
        ) from error
    # Only its syntax is asked for: most templates refuse a conversation without messages.
    except Exception:  # noqa: S110
        pass


def _renderer() -> Callable[..., Any]:
    try:
        import jinja2  # noqa: F401 - only whether it is there
        from transformers.utils.chat_template_utils import render_jinja_template
    except ImportError as error:
        raise MissingExtraError("a chat template", "chat") from error
    return render_jinja_template  # type: ignore[no-any-return]


def _without_null(messages: Sequence[Any]) -> list[Any]:
    """Messages as transformers 5 hands them to a template: many templates write "None" for an entry that is null."""
    return [
        {name: value for name, value in message.items() if value is not None} if isinstance(message, dict) else message
        for message in messages
    ]
