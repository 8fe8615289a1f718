"""The language model families: one file a family."""
