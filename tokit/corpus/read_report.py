"""Documents and records that were left out or repaired, as the report of a job tells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


class WasRead(Protocol):
    """Text that counts its bad documents: a corpus, or the report of a job on one."""

    @property
    def skip_reasons(self) -> dict[str, int]:
        """Number of documents and records that were skipped, by reason."""

    @property
    def replaced(self) -> int:
        """Documents with U+FFFD in place of broken bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """The part of a report that is the same for every job on a corpus.

    Attributes:
        skipped: Number of documents and records that were skipped (`--errors skip`).
        skip_reasons: Number of them by reason: "null", "broken JSON", "not UTF-8".
        replaced: Documents with U+FFFD in place of broken bytes (`--errors replace`).
    """

    skipped: int = 0
    skip_reasons: dict[str, int] = field(default_factory=dict)
    replaced: int = 0


def read_facts(text: WasRead | None) -> dict[str, Any]:
    """Values of the fields of a `ReadReport`; none where a job had no corpus."""
    if text is None:
        return {}
    reasons = dict(text.skip_reasons)
    return {"skipped": sum(reasons.values()), "skip_reasons": reasons, "replaced": text.replaced}


def reasons_text(reasons: dict[str, int]) -> str:
    """Reasons in words, the most frequent one first: "null (9), broken JSON (3)"."""
    ranked = sorted(reasons.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} ({count:,})" for reason, count in ranked)
