"""Summaries of `tokit fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.cli.formatting import counted
from tokit.cli.output import Output, warn, warn_of_bad_text

if TYPE_CHECKING:
    from tokit.embedding.matching_rows import WarmStartReport
    from tokit.embedding.static_fit import FitReport
    from tokit.lm.initialize import InitReport
    from tokit.lm.pretraining_fit import PretrainReport


def show_static(report: FitReport, output: Output) -> None:
    """Write the result of fitting a static embedding."""
    for message in report.notes:
        warn(message)
    warn_of_bad_text(report)
    if report.warm_start and not report.warm_start.initialized:
        warn(f"no token of the text has a vector in {report.warm_start.path}: all of them are random")
    output.result(report)
    loss = f", loss {report.losses[0]:.3f} to {report.losses[-1]:.3f}" if report.losses else ""
    output.note(
        f"{report.path}  {report.family}, {report.tokens_seen:,} of {report.vocab_size:,} tokens seen,"
        f" {report.dim} dimensions{loss}"
    )
    output.note(
        f"from {report.documents:,} documents, {report.tokens:,} tokens, at {report.words_per_second:,.0f} words/s"
    )
    if report.warm_start:
        output.note(warm_start(report.warm_start))


def warm_start(start: WarmStartReport) -> str:
    """A line about the initial vectors of a static embedding."""
    by = "" if start.matched == "id" else ", found by their text"
    return (
        f"initialized from {start.path}: {start.initialized:,} of the text's tokens have a vector there{by}"
        f" ({100 * start.fraction:.1f} % of the text), {start.random:,} are random;"
        f" {start.unchanged:,} others keep theirs"
    )


def show_model(report: PretrainReport, output: Output) -> None:
    """Write the result of a pre-training."""
    for message in report.notes:
        warn(message)
    warn_of_bad_text(report)
    output.result(report)
    output.note(
        f"{report.path}  {report.family}, {report.parameters:,} parameters: {report.layers} layers,"
        f" {report.dim} dimensions, {report.vocab_size:,} tokens"
    )
    if report.opens_in == ("tokit",):
        output.note("it opens in tokit alone; in ONNX Runtime after 'tokit export --to onnx'")
    early = ", stopped early" if report.stopped_early else ""
    output.note(
        f"from {counted(report.documents, 'document')}, {report.tokens:,} tokens:"
        f" {counted(report.steps, 'step')} in {report.precision}, {report.tokens_per_second:,.0f} tokens/s{early}"
    )
    if report.init:
        output.note(initial_weights(report.init))
    if report.frozen:
        output.note(f"{report.frozen:,} of the parameters were frozen")
    evaluated = evaluation(report)
    if evaluated:
        output.note(f"on held-out documents: {evaluated}")


def initial_weights(init: InitReport) -> str:
    """A line about the initial weights of a language model."""
    by = "by id" if init.matched == "id" else "by their text"
    parts = [f"initialized from {init.path}: {init.initialized:,} tokens have a row there, found {by}"]
    if init.random:
        parts.append(f", {init.random:,} are random")
    if init.resized == "projected":
        parts.append(f"; its {init.dim} dimensions were projected onto their principal components")
    elif init.resized == "padded":
        parts.append(f"; dimensions beyond its {init.dim} are random")
    if init.missing:
        rest = f" and {len(init.missing) - 1} more" if len(init.missing) > 1 else ""
        parts.append(f"; it has no {init.missing[0]}{rest}: the head is random")
    return "".join(parts)


def evaluation(report: PretrainReport) -> str:
    """Measures on held-out documents; empty when none were held out."""
    measured = []
    if report.held_out_loss is not None:
        first = report.evaluations[0]
        measured.append(f"loss {first['loss']:.3f} after step {first['step']:,}, {report.held_out_loss:.3f} at the end")
    if report.bits_per_byte is not None:
        measured.append(f"{report.bits_per_byte:.3f} bits per byte")
    if report.pseudo_bits_per_byte is not None:
        measured.append(f"{report.pseudo_bits_per_byte:.3f} pseudo-likelihood bits per byte")
    return ", ".join(measured)
