"""Text pipelines: how text is normalized and split into pre-tokens, by the library or by our kernels.

pipeline.py       TextPipeline: names of normalizers and a pre-tokenizer, and the library's objects for them
normalizer.py     BlockNormalizer: normalizes whole blocks; the library gets only documents that may change
quick_check.py    tables by which a kernel tells which documents may change
pretokenizer.py   KernelPreTokenizer: tables by which kernels pre-tokenize; None where only the library can
"""
