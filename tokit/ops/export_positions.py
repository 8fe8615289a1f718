"""`tokit export --to positions`: the position encodings of a language model as arrays."""

from tokit.lm.positions import PositionsReport, export_positions

__all__ = ["PositionsReport", "export_positions"]
