"""Compiled kernels: the cache of machine code, its loader, and LLVM intrinsics."""
