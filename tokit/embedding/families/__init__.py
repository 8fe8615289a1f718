"""The static embedding families: one file a family."""
