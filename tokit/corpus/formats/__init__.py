"""Readers of corpus formats: one file a format."""
