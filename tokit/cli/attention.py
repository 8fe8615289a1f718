"""`tokit attention`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import console, render
from tokit.cli.near import visible
from tokit.cli.options import JsonOpt, QuietOpt, ThreadsOpt, opened
from tokit.cli.show import texts_of
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.cli.heatmap import Panel
    from tokit.ops.attention import Attention, HeadsReport

ModelOpt = Annotated[str, typer.Option("-e", "--embedding", help="A language model's folder.", show_default=False)]
TextArg = Annotated[
    str | None,
    typer.Argument(help="The text; without it the lines of standard input.", show_default=False),
]
LayerOpt = Annotated[
    int | None,
    typer.Option("--layer", help="Show one layer: 1 is the first, -1 the last.", show_default=False),
]
HeadOpt = Annotated[
    int | None,
    typer.Option("--head", help="Show one head, from 1 on.", show_default="the mean of all"),
]
QkOpt = Annotated[
    bool, typer.Option("--qk", help="Query times key, scaled, before the softmax, in place of the weights.")
]
HtmlOpt = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a page with all layers and heads.", show_default=False),
]
CorpusOpt = Annotated[
    list[str] | None,
    typer.Option(
        "-c",
        "--corpus",
        help="In place of a text: what each head is like over files, folders, globs, @names, or -; may be repeated.",
        show_default=False,
    ),
]
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace a page that is there.")]
DIGITS = 6


def attention(
    embedding: ModelOpt,
    text: TextArg = None,
    layer: LayerOpt = None,
    head: HeadOpt = None,
    qk: QkOpt = False,
    html: HtmlOpt = None,
    corpus: CorpusOpt = None,
    threads: ThreadsOpt = None,
    overwrite: ReplaceOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Show which token of a text looks at which: a row looks, a column is looked at.

    tokit attention -e bert "the bank of the river" --layer 2 --head 1

    With --corpus: how many bits of entropy each head's weights have, and how many tokens away it looks.
    """
    from tokit.ops.attention import open_attention
    from tokit.runtime.threads import set_threads

    set_threads(threads)
    _check(text=text, corpus=corpus, qk=qk, html=html, layer=layer, head=head, as_json=as_json)
    model = open_attention(embedding)
    if corpus:
        documents = opened(
            corpus, unit=None, field=None, format_=None, errors="strict", max_document=1 << 30, files_from=None
        )
        with console.progress(quiet=quiet) as tick:
            heads = model.heads(documents, tick)
        _show_heads(heads, as_json=as_json)
        return
    for number, each in enumerate(texts_of(text)):
        found = (model.products(each) if qk else model.weights(each)).only(layer, head)
        if found.cut:
            console.warn(f"the model takes {len(found.tokens):,} tokens; {found.cut:,} more were left out")
        if html is not None:
            if number:
                raise UsageError("--html shows one text, and there is a second line", hint="give one line")
            _write_page(found, html, overwrite=overwrite, quiet=quiet)
        elif as_json:
            sys.stdout.write(json.dumps(_as_dict(found), ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n" if number else "")
            show_heat(found, whole=layer is None and head is None, quiet=quiet)
        sys.stdout.flush()


def _check(
    *,
    text: str | None,
    corpus: list[str] | None,
    qk: bool,
    html: Path | None,
    layer: int | None,
    head: int | None,
    as_json: bool,
) -> None:
    if corpus and (text is not None or qk or html is not None or layer is not None or head is not None):
        raise UsageError(
            "--corpus gives a table of all heads, so it goes with no text, --qk, --html, --layer or --head",
            hint="leave one out",
        )
    if html is not None and as_json:
        raise UsageError("--html and --json are two ways to show it", hint="leave one out")
    if not corpus and text is None and sys.stdin.isatty():
        raise UsageError("Missing argument 'TEXT'", hint="tokit attention -e bert 'the bank of the river'")


def _write_page(found: Attention, out: Path, *, overwrite: bool, quiet: bool) -> None:
    from tokit.ops.attention import write_attention_page

    write_attention_page(found, [visible(token) for token in found.tokens], out, overwrite=overwrite)
    console.note(
        f"{out}  {console.counted(len(found.layers), 'layer')} of {console.counted(len(found.heads), 'head')}",
        quiet=quiet,
    )


def _as_dict(found: Attention) -> dict[str, Any]:
    """As JSON has it: null where the model hides a token."""
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
        return [_rounded(each) for each in value]
    return None if value != value else float(f"{value:.{DIGITS}g}")  # noqa: PLR0124 - only NaN is unlike itself


def show_heat(found: Attention, *, whole: bool, quiet: bool) -> None:
    """A heat map: the mean of each layer's heads when the whole model is shown, else every head.

    Args:
        found: What is shown.
        whole: No layer or head was chosen.
        quiet: Say nothing about it.
    """
    from tokit.cli.heatmap import HeatMap

    labels = [visible(token) for token in found.tokens]
    panels = _means(found) if whole else _heads(found)
    heat = HeatMap(labels, panels, _scale(panels, weights=found.what == "weights"))
    heat.show(quiet=quiet)
    if heat.shown < len(labels):
        console.warn(f"there is room for the first {heat.shown} of {len(labels)} tokens; --html FILE shows all")
    elif whole:
        count = f"layers 1 to {len(found.layers)}, heads 1 to {len(found.heads)}"
        console.note(f"hint: --layer N, --head M or both show single heads ({count}); --html FILE all", quiet=quiet)


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


def _show_heads(report: HeadsReport, *, as_json: bool) -> None:
    if report.cut:
        console.warn(f"documents longer than the model takes, which were cut: {report.cut:,}")
    if as_json:
        render.as_json(report)
        return
    rows = [
        (
            str(each.layer),
            str(each.head),
            f"{each.entropy:.2f}",
            f"{each.distance:.2f}",
            render.percent(each.special, 1),
        )
        for each in report.heads
    ]
    render.table(("layer", "head", "entropy bits", "distance tokens", "to special tokens"), rows, left=0)
