"""Attention as a page: every layer and head as a small picture, one of them large, weights under the pointer."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from tokit.arrays import FloatArray

PLACE = "{{DATA}}"
# The largest of 16 bits stands for a pair of which one token is hidden from the other.
STEPS, HIDDEN = (1 << 16) - 2, (1 << 16) - 1


def attention_page(
    model: str, tokens: Sequence[str], numbers: tuple[Sequence[int], Sequence[int]], values: FloatArray, what: str
) -> str:
    """One HTML page.

    Args:
        model: Its name.
        tokens: What each is called on the page.
        numbers: Of the layers and of the heads.
        values: Shape (layers, heads, tokens, tokens), who looks before who is looked at; NaN where nothing is seen.
        what: "weights", 0 to 1, or "products".
    """
    low, high = (0.0, 1.0) if what == "weights" else (float(np.nanmin(values)), float(np.nanmax(values)))
    scaled = (values - low) / (high - low if high > low else 1.0) * STEPS
    steps = np.where(np.isnan(values), HIDDEN, np.rint(np.nan_to_num(scaled))).astype("<u2")
    data = {
        "model": model,
        "tokens": list(tokens),
        "layers": values.shape[0],
        "heads": values.shape[1],
        "layer_numbers": list(numbers[0]),
        "head_numbers": list(numbers[1]),
        "what": what,
        "low": low,
        "high": high,
        "steps": base64.b64encode(steps.tobytes()).decode("ascii"),
    }
    # A token may be "</script>".
    shown = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return files("tokit.report").joinpath("attention.html").read_text("utf-8").replace(PLACE, shown)
