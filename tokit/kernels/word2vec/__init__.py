"""Kernels that train skip-gram, CBOW and fastText."""
