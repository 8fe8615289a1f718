"""Unicode quick check for normalizers: which documents cannot change, by classes of characters and composing pairs.

A document cannot change when each of its characters alone does not, its marks are in order, and no mark composes with
the character before it. That is the quick check of Unicode's annex 15, with its "maybe" looked up.
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
class QuickCheckTables:
    """Tables by which a kernel tells which documents a sequence of normalizers may change.

    Attributes:
        pages: Start of the page of each 256 code points in `classes`; int32, shape (0x1100,).
        classes: 0 for characters that no context changes; see the kernel `find_changed`.
        pairs: first << 21 | second of characters that compose, sorted; uint64.
    """

    pages: npt.NDArray[np.int32]
    classes: ByteArray
    pairs: npt.NDArray[np.uint64]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The tables in the order of the kernel's parameters."""
        # ASCII that does not change is passed over eight bytes at once.
        return self.pages, self.classes, int(not self.classes[:128].any()), self.pairs


@cache
def quick_check_tables(steps: frozenset[str]) -> QuickCheckTables:
    """Tables for normalizers by their names in `INERT`, in any order: text that one leaves alone reaches the next."""
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
    return QuickCheckTables(pages, classes, _pairs())


@cache
def _pairs() -> npt.NDArray[np.uint64]:
    pairs: npt.NDArray[np.uint64] = np.load(Path(__file__).parents[1] / "kernels" / "pairs.npy", allow_pickle=False)
    return pairs
