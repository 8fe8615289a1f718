"""Kernels that turn pre-tokens into token ids."""
