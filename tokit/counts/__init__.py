"""Counts of pre-tokens: what tokenizers train from, and what several corpora or machines can add up.

count_corpus.py     a corpus → counts, on threads
counter.py          blocks → counts, by the kernels or the library
kernel_counter.py   the kernels' way: a word_table.py for each thread
library_counter.py  the library's way, for any text pipeline; the reference
limits.py           distinct words that may be held, and the error when rare ones are forgotten
counts_folder.py    counts on disk; merging
"""
