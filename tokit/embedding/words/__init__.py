"""Queries by word: nearest neighbors, analogies, unknown words."""
