"""Batches of token ids for training and inference."""
