"""What is measured, and the mathematics of it; nothing here opens a tokenizer or a corpus.

`tokenization.METRICS` is the table behind `tokit compare`: a new metric is one entry in it.
`tasks`, `similarity`, `analogy` and `bootstrap` are behind `tokit eval`.
"""
