"""Check a chat template against the tokenizer that is to have it, before a model is trained on the wrong text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tokit.errors import UsageError
from tokit.tokenizer.chat.render import ChatRenderer, RenderError
from tokit.tokenizer.chat.template_files import DEFAULT

SAMPLE = ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"})
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# Nobody writes these but for a special token.
MARKERS = re.compile(r"<\|[^|<>\s'\"{}]+\|>|<｜[^｜<>'\"{}]+｜>")
# These may be one, or ordinary text: Mistral's [INST] is a token in some models and text in others.
DOUBTFUL = re.compile(r"<(?![|｜])/?[A-Za-z_]+>|\[/?[A-Z_]{3,}\]")
VARIABLE = re.compile(r"\b((?:bos|eos|unk|sep|pad|cls|mask)_token)\b")


def check_template(source: str, specials: Collection[str], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Check a template of a user's own.

    Args:
        source: Its Jinja.
        specials: Texts of the special tokens.
        variables: Variables that it is rendered with, `eos_token` among them.

    Returns:
        Notes for the user.

    Raises:
        UsageError: it has an error in its syntax, refuses a plain conversation, or writes special tokens that the
            tokenizer lacks.
    """
    try:
        rendered = ChatRenderer({DEFAULT: source}, variables).render(SAMPLE)
    except RenderError as error:
        raise UsageError(
            f"the chat template refuses a user's and an assistant's message: {error}", hint="mend the template"
        ) from error
    written = f"{COMMENT.sub('', source)}\n{rendered.text}"
    missing = sorted(set(MARKERS.findall(written)) - set(specials))
    if missing:
        raise UsageError(
            f"the chat template writes {', '.join(missing)}, which the tokenizer would read as text",
            hint=f"name each as a special token: --special-token turn='{missing[0]}'",
        )
    return tuple(_notes(source, written, rendered.text, specials, variables, has_spans=bool(rendered.spans)))


def _notes(
    source: str,
    written: str,
    rendered: str,
    specials: Collection[str],
    variables: Mapping[str, Any],
    *,
    has_spans: bool,
) -> Iterator[str]:
    doubtful = sorted(set(DOUBTFUL.findall(written)) - set(specials))
    if doubtful:
        yield f"ordinary text to this tokenizer: {', '.join(doubtful)} (--special-token makes it a token)"
    unset = sorted(set(VARIABLE.findall(COMMENT.sub("", source))) - set(variables))
    if unset:
        yield f"the template uses {', '.join(unset)}, which the tokenizer lacks: it writes nothing there"
    if not has_spans:
        yield "the template does not mark what the assistant writes ({% generation %}): no mask can be made of it"
    end = variables.get("eos_token")
    if end is not None and not rendered.rstrip().endswith(end):
        yield f"a conversation does not end with {end}: a model trained on it does not learn to stop"
