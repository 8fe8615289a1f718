"""Kernels that count pre-tokens and learn merges."""
