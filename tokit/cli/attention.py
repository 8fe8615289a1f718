"""`tokit attention`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli.corpus_options import CorpusOptions, takes_corpus_option
from tokit.cli.formatting import counted, percent, visible
from tokit.cli.options import ModelOpt, ThreadsOpt, set_up, writes_output
from tokit.cli.output import Output, table, warn, warn_of_bad_text, write_json
from tokit.cli.show import texts_of
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.cli.heatmap import Panel
    from tokit.lm.attention_reader import Attention, HeadsReport

TextArg = Annotated[
    str | None,
    typer.Argument(metavar="TEXT", help="The text; without it each line of standard input.", show_default=False),
]
LayerOpt = Annotated[
    int | None,
    typer.Option("--layer", metavar="N", help="Show one layer: 1 is the first, -1 the last.", show_default=False),
]
HeadOpt = Annotated[
    int | None,
    typer.Option("--head", metavar="N", help="Show one head; 1 is the first.", show_default="the mean of all"),
]
QkOpt = Annotated[
    bool, typer.Option("--qk", help="Show scaled query-key products before the softmax, not the weights.")
]
HtmlOpt = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a page with all layers and heads.", show_default=False),
]
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace an existing page.")]
DIGITS = 6


@takes_corpus_option
@writes_output
def attention(
    *,
    text: TextArg = None,
    model: ModelOpt,
    layer: LayerOpt = None,
    head: HeadOpt = None,
    qk: QkOpt = False,
    html: HtmlOpt = None,
    corpus: CorpusOptions,
    threads: ThreadsOpt = None,
    overwrite: ReplaceOpt = False,
    output: Output,
) -> None:
    """Show attention weights of a language model. Rows are queries, columns are keys.

    $ tokit attention "the bank of the river" -m bert --layer 2 --head 1

    With --corpus: for each head the entropy of its weights in bits, and the distance to the tokens it attends to.

    $ tokit attention -m bert -c text/
    """
    from tokit.ops.attention import check_attention_page, open_attention

    set_up(threads)
    _check(text=text, corpus=corpus, qk=qk, html=html, layer=layer, head=head, as_json=output.as_json)
    if html is not None:
        check_attention_page(html, overwrite=overwrite)
    opened = open_attention(model, layer=layer, head=head)
    if corpus.named:
        with output.progress() as tick:
            heads = opened.heads(corpus.open(), tick)
        _show_heads(heads, output)
        return
    for number, line in enumerate(texts_of(text)):
        found = (opened.products(line) if qk else opened.weights(line)).only(layer, head)
        if found.truncated:
            warn(f"the model takes {len(found.tokens):,} tokens; {found.truncated:,} more were truncated")
        if html is not None:
            if number:
                raise UsageError("--html shows one text, and there is a second line", hint="give one line")
            _write_page(found, html, overwrite=overwrite, output=output)
        elif output.as_json:
            write_json(_as_dict(found))
        else:
            sys.stdout.write("\n" if number else "")
            show_heat(found, whole=layer is None and head is None, output=output)
        sys.stdout.flush()


def _check(
    *,
    text: str | None,
    corpus: CorpusOptions,
    qk: bool,
    html: Path | None,
    layer: int | None,
    head: int | None,
    as_json: bool,
) -> None:
    if corpus.named and (text is not None or qk or html is not None or layer is not None or head is not None):
        raise UsageError(
            "--corpus gives a table of all heads, so it goes with no text, --qk, --html, --layer or --head",
            hint="omit one of them",
        )
    if html is not None and as_json:
        raise UsageError("--html and --json are two ways to show it", hint="omit one of them")
    if not corpus.named and text is None and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("Missing argument 'TEXT'", hint="tokit attention -m bert 'the bank of the river'")


def _write_page(found: Attention, out: Path, *, overwrite: bool, output: Output) -> None:
    from tokit.ops.attention import write_attention_page

    write_attention_page(found, [visible(token) for token in found.tokens], out, overwrite=overwrite)
    output.note(f"{out}  {counted(len(found.layers), 'layer')} of {counted(len(found.heads), 'head')}")


def _as_dict(found: Attention) -> dict[str, Any]:
    """The JSON object; null where the attention mask hides a token."""
    return {
        "model": found.model,
        "tokens": found.tokens,
        "what": found.what,
        "layers": found.layers,
        "heads": found.heads,
        "values": _rounded(found.values.tolist()),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return None if value != value else float(f"{value:.{DIGITS}g}")  # noqa: PLR0124 - only NaN is unlike itself


def show_heat(found: Attention, *, whole: bool, output: Output) -> None:
    """A heat map: the mean of each layer's heads when the whole model is shown, else every head.

    Args:
        found: The weights or products.
        whole: No layer or head was chosen.
        output: Takes the notes below the map.
    """
    from tokit.cli.heatmap import HeatMap

    labels = [visible(token) for token in found.tokens]
    panels = _means(found) if whole else _heads(found)
    heat = HeatMap(labels, panels, _scale(panels, weights=found.what == "weights"))
    heat.show(output)
    if heat.shown < len(labels):
        warn(f"there is room for the first {heat.shown} of {len(labels)} tokens; --html FILE shows all")
    elif whole:
        count = f"layers 1 to {len(found.layers)}, heads 1 to {len(found.heads)}"
        output.note(f"hint: --layer N, --head M or both show single heads ({count}); --html FILE all")


def _means(found: Attention) -> list[Panel]:
    from tokit.cli.heatmap import Panel

    what = f"mean of {len(found.heads)} heads" if len(found.heads) > 1 else "1 head"
    return [Panel(f"layer {layer}, {what}", values) for layer, values in zip(found.layers, found.means(), strict=True)]


def _heads(found: Attention) -> list[Panel]:
    from tokit.cli.heatmap import Panel

    return [
        Panel(f"layer {layer}, head {head}", found.values[i, k])
        for i, layer in enumerate(found.layers)
        for k, head in enumerate(found.heads)
    ]


def _scale(panels: Sequence[Panel], *, weights: bool) -> Any:
    import numpy as np

    from tokit.cli.heatmap import Scale

    high = max(float(np.nanmax(panel.values)) for panel in panels)
    return Scale(0.0 if weights else min(float(np.nanmin(panel.values)) for panel in panels), high, root=weights)


def _show_heads(report: HeadsReport, output: Output) -> None:
    warn_of_bad_text(report)
    if report.truncated:
        warn(f"documents longer than the model takes, which were truncated: {report.truncated:,}")
    rows = [
        (str(row.layer), str(row.head), f"{row.entropy:.2f}", f"{row.distance:.2f}", percent(row.special, 1))
        for row in report.heads
    ]
    headers = ("layer", "head", "entropy bits", "distance tokens", "to special tokens")
    output.result(report, lambda: table(headers, rows, left=0))
