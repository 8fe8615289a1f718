"""Threads, memory, and the choice between kernels and reference libraries."""
