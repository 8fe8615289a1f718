"""Which text a normalizer leaves as it is: classes of characters, and the pairs of them that compose.

A document is left alone when every character of it stays by itself, its marks stand in order, and no mark composes with
the character that it belongs to. That is the quick check of Unicode's annex 15, with its "maybe" looked up.
https://www.unicode.org/reports/tr15/#Detecting_Normalization_Forms
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import ByteArray
from tokit.kernels.layout import CHANGES, COMPOSED, COMPOSES
from tokit.text.pretokenizer import (
    INERT,
    P_COMPOSES,
    P_NFC_ALONE,
    P_NFD_ALONE,
    P_NFKC_ALONE,
    P_NFKD_ALONE,
    RANK_SHIFT,
    properties,
)

ALONE = {"nfc": P_NFC_ALONE, "nfd": P_NFD_ALONE, "nfkc": P_NFKC_ALONE, "nfkd": P_NFKD_ALONE}
COMPOSING = ("nfc", "nfkc")


@dataclass(frozen=True, slots=True)
class Stability:
    """What the kernel needs to tell which documents some normalizers may change.

    Attributes:
        pages: Where the page of each 256 code points starts in `classes`; int32, shape (0x1100,).
        classes: 0 for what stays whatever stands around; see `kernels/text.py`.
        pairs: first << 21 | second of characters that compose, sorted; uint64.
    """

    pages: npt.NDArray[np.int32]
    classes: ByteArray
    pairs: npt.NDArray[np.uint64]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """In the order in which kernels take them."""
        # ASCII that stays is passed over eight bytes at once.
        return self.pages, self.classes, int(not self.classes[:128].any()), self.pairs


@cache
def stability(steps: frozenset[str]) -> Stability:
    """For normalizers by their names in `INERT`, in any order: what one leaves alone the next sees too."""
    pages, bits = properties()
    inert = sum(INERT[step] for step in steps)
    alone = sum(ALONE.get(step, INERT[step]) for step in steps)
    stays = (bits & inert) == inert
    may_stay = ~stays & ((bits & alone) == alone) & bool(steps & set(ALONE))
    classes = np.where(stays, 0, CHANGES).astype(np.uint8)
    classes[may_stay] = bits[may_stay] >> RANK_SHIFT
    if steps & set(COMPOSING):
        classes[may_stay & (bits & P_COMPOSES != 0)] |= COMPOSES
        # What a composed character is made of may compose otherwise with a mark behind it.
        classes[stays & (bits & INERT["nfd"] == 0)] = COMPOSED
    return Stability(pages, classes, _pairs())


@cache
def _pairs() -> npt.NDArray[np.uint64]:
    pairs: npt.NDArray[np.uint64] = np.load(Path(__file__).parents[1] / "kernels" / "pairs.npy", allow_pickle=False)
    return pairs
