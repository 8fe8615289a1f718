"""Kernels that split text into pre-tokens."""
