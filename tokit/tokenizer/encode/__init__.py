"""Encoding and decoding with trained and foreign tokenizers."""
