"""Constants that the kernels and their callers share: classes, states, return codes, and how tables lie in arrays.

It does not import Numba, so callers read it at start-up; kernels compile the values in. Each constant stands here
alone: a stale copy in a caller would misread a kernel's arrays in silence.
"""

from __future__ import annotations

import numpy as np

# Return codes of entries: all is done; call again for more; a table must grow; scratch is too short for a pre-token.
DONE, MORE, FULL, LONG_WORD = 0, 1, 2, 3

# Pre-tokenization -----------------------------------------------------------------------------------------------------

# Classes of characters. ODD marks those whose place must be looked at alone: an apostrophe, wide white space, and for
# patterns that put a symbol before a word every symbol that is not ASCII.
LETTER, NUMBER, SYMBOL, SPACE, BLANK, RETURN, ODD = 1, 2, 4, 8, 16, 32, 64
# For o200k alone the two highest bits are the cases that a letter or mark can stand for.
UPPER, LOWER = 64, 128
# For RUNS and MARKS, which do not use them, BLANK means that a pre-token always starts at the character, and the
# highest bit that it is a digit.
DIGIT = 128
# Styles: how the classes are put together. MARKS are RUNS where a space is no border and ASCII punctuation always one.
GPT2, CL100K, LLAMA3, QWEN2, O200K, RUNS, MARKS = 0, 1, 2, 3, 4, 5, 6
# Bytes that scratch arrays, and text that is read eight bytes at once, must have beyond the length of the text.
MARGIN = 64

# Tables of words ------------------------------------------------------------------------------------------------------

# A slot of the first table, uint64: a key of up to eight bytes and a value. A slot of the second: a key of two numbers,
# of which the second is never zero, a value, and where in the arena the bytes lie: never 0, unless the key is all of
# the word.
SHORT_SLOT, LONG_SLOT = 2, 4
SHORT_VALUE = np.uint64(1)
REST, LONG_VALUE, PLACE = np.uint64(1), np.uint64(2), np.uint64(3)
# Where the arena begins, as place 0 means that a word is not in it.
ARENA_START = 8
# The state of tables of words: where to continue in the block (byte, document), words in the two tables, bytes in the
# arena, words of a window that were counted before a table was full, and the bytes of those that come next.
POSITION, DOCUMENT, SHORTS, LONGS, ARENA, COUNTED, WANTED = 0, 1, 2, 3, 4, 5, 6
COUNT_STATE = 7
# Words that are counted between two looks at the room that is left.
COUNT_BATCH = 256

# Encoding -------------------------------------------------------------------------------------------------------------

# Models: byte-level BPE, whole words, WordPiece.
BPE, WORDS, PIECES = 0, 1, 2
# The state of an encoder: POSITION and DOCUMENT as above, ids written, and the length of a word that scratch is too
# short for.
WRITTEN, NEEDED = 2, 3
ENCODE_STATE = 4
# Words that are looked up at once.
ENCODE_BATCH = 64
# The cache's first table has words of up to NEAR bytes, NEAR_SLOT numbers a slot; the second has slots of LONG_SLOT.
NEAR_SLOT, NEAR = 4, 15
# How full the cache is: words in the two tables, bytes in the arena, ids in the runs.
CACHED_NEAR, CACHED_FAR, CACHED_BYTES, CACHED_IDS = 0, 1, 2, 3
# A pair of pieces and the rank of its merge in one number: 21 + 21 + 22 bits, all of which are ones in a free slot.
PIECE_BITS, RANK_BITS = 21, 22
NO_RANK = (1 << RANK_BITS) - 1
NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)
# What a table of characters has in place of an id: of a character without one, and of one that leaves no trace.
UNKNOWN, DROPPED = np.uint32(0xFFFFFFFF), np.uint32(0xFFFFFFFE)

# Learning merges ------------------------------------------------------------------------------------------------------

# The state: pairs in the table, places used, entries of the heap, merges learned, the next id, and whether the pairs of
# first symbols are listed.
PAIRS, USED, HEAP, MERGES, NEXT_ID, LISTED = 0, 1, 2, 3, 4, 5
MERGE_STATE = 6
# A slot of the table: the pair, its count, where its places begin, and how many they are. Two slots a pair.
PAIR_SLOT = 4

# Normalization --------------------------------------------------------------------------------------------------------

# Classes of characters for `find_changed`; the lower bits are the rank of a mark.
CHANGES, COMPOSED, COMPOSES, RANK = 255, 128, 64, 63

# Hashes of documents --------------------------------------------------------------------------------------------------

# Odd constants of splitmix64 and of the finalizer of MurmurHash3.
# https://prng.di.unimi.it/splitmix64.c https://github.com/aappleby/smhasher
HASH_STEP = 0x9E3779B97F4A7C15
HASH_MIX_1, HASH_MIX_2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
# FNV-1a, by which fastText numbers n-grams.
FNV_START, FNV_PRIME = 2166136261, 16777619

# word2vec -------------------------------------------------------------------------------------------------------------

# The input vector of a training step: each neighbor's, the mean of the neighbors', or the mean of a token's own rows.
SKIPGRAM, CBOW, FASTTEXT = 0, 1, 2
# Means that share random tokens; it is even.
TOGETHER = 8
# Output rows that are worked on at once, and how far apart the scores of two input vectors lie.
GROUP, SCORES = 6, 8
# Beyond this score a loss is taken for zero, or for a straight line.
LARGEST_SCORE = 6.0
# float32 numbers of the widest vector of any processor, and of a cache line: rows are filled up to a multiple of it.
WIDEST = 16
# The fraction of a token's occurrences that is kept, in parts of 2**32: all of them.
ALWAYS = (1 << 32) - 1

# GloVe and products ---------------------------------------------------------------------------------------------------

# A row is four vectors: as a token, as a neighbor, and the sums of squares of either. Likewise four biases.
PARTS, BIASES = 4, 4
# Numbers that the rows of a dense matrix are filled up to, for products with a sparse one.
STRIP = 64
