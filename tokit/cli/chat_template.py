"""`tokit chat-template`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli import completion
from tokit.cli.card_options import writes_card
from tokit.cli.options import OutOpt, OverwriteOpt, SpecialOpt, writes_output
from tokit.cli.output import Output, warn

TokenizerArg = Annotated[
    str,
    typer.Argument(metavar="TOK", help="Tokenizer: a folder, or a file of another tool.", show_default=False),
]
TemplateArg = Annotated[
    str,
    typer.Argument(
        metavar="TEMPLATE",
        help="chatml, llama3, or a Jinja file.",
        show_default=False,
        autocompletion=completion.words("chatml", "llama3"),
    ),
]


@writes_card
@writes_output
def chat_template(
    *,
    tokenizer: TokenizerArg,
    template: TemplateArg,
    out: OutOpt,
    special_token: SpecialOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Give a tokenizer a chat template and its special tokens.

    $ tokit chat-template tok chatml -o chat
    $ tokit chat-template tok mine.jinja --special-token turn='<|turn|>' -o chat
    """
    from tokit.ops.chat_template import set_chat_template

    report = set_chat_template(tokenizer, template, out, special_tokens=special_token or (), overwrite=overwrite)
    for message in report.notes:
        warn(message)
    output.result(report)
    added = ", ".join(f"{text} ({i:,})" for text, i in report.added.items()) or "none"
    output.note(f"{report.path}  {report.chat_template}, special tokens added: {added}")
    if report.end_of_text is not None:
        output.note(f"a text ends with {report.end_of_text}")
