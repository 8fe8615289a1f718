"""Text pipelines: normalizers and pre-tokenizers, and which of them the kernels support."""
