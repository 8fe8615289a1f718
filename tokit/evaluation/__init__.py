"""Metrics of tokenizers, embeddings and classifiers.

`tokenizer_metrics.METRICS` is the table behind `tokit compare`: a new metric is one entry in it.
`task_files`, `word_tasks`, `similarity`, `analogy`, `bootstrap` and `comparison` are behind `tokit eval`.
`classification` is behind `tokit finetune`.
"""
