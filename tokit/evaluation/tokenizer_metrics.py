"""The metrics of tokenizers, in the order of the columns of `tokit compare`; a new one is an entry in `METRICS`."""

from __future__ import annotations

import math

import numpy as np

from tokit.arrays import IntArray
from tokit.evaluation.metric import EncodedSample, Metric, Sum, Value

# Zouhar et al. found this order to follow translation quality best.
ALPHA = 2.5


def renyi_efficiency(counts: IntArray, alpha: float = ALPHA) -> float | None:
    """Rényi efficiency: 1 when all tokens are equally frequent.

    The Rényi entropy of the token distribution over that of the uniform one: H / log(vocab), with
    H = log(sum of p^alpha) / (1 - alpha). The whole vocabulary counts, tokens never seen too.
    Zouhar et al. 2023, https://aclanthology.org/2023.acl-long.284

    Args:
        counts: Occurrences of each id; shape (vocab,).
        alpha: Order of the entropy, not 1; above 1 frequent tokens have more weight.

    Returns:
        0 to 1, or None without tokens or with a vocabulary of one.
    """
    total = int(counts.sum())
    if not total or len(counts) < 2:
        return None
    probabilities = counts[counts > 0] / total
    entropy = math.log(float(np.sum(probabilities**alpha))) / (1 - alpha)
    # Rounding makes the entropy of a single token -0.0.
    return abs(entropy) / math.log(len(counts))


def _ratio(sums: Sum) -> Value:
    return float(sums[0] / sums[1]) if sums[1] else None


def _used(counts: Sum) -> Value:
    return float(np.count_nonzero(counts) / len(counts)) if len(counts) else None


def _speed(encoded: EncodedSample) -> Sum:
    return np.array([encoded.sample.bytes / 1e6, encoded.seconds])


METRICS: tuple[Metric, ...] = (
    Metric(
        "tokens",
        "tokens",
        "count",
        "tokens of all documents, without special tokens around them",
        lambda encoded: np.array([encoded.tokens]),
        lambda sums: int(sums[0]),
    ),
    Metric(
        "bytes_per_token",
        "bytes/token",
        "ratio",
        "UTF-8 bytes of the documents over tokens; line ends are not part of a document",
        lambda encoded: np.array([encoded.sample.bytes, encoded.tokens]),
        _ratio,
    ),
    Metric(
        "fertility",
        "tokens/word",
        "ratio",
        "fertility: tokens over words; tokens between words count, too",
        lambda encoded: np.array([encoded.tokens, len(encoded.sample.words)]),
        _ratio,
    ),
    Metric(
        "whole_words",
        "whole words",
        "fraction",
        "fraction of word occurrences that are exactly one token, not the unknown one; the token may carry the white "
        "space before the word",
        lambda encoded: np.array([encoded.whole_words(), len(encoded.sample.words)]),
        _ratio,
    ),
    Metric(
        "unknown_rate",
        "unknown",
        "fraction",
        "unknown tokens over tokens; a character that is dropped, as there is no unknown token, counts as one",
        lambda encoded: np.array([encoded.unknown + encoded.dropped, encoded.tokens + encoded.dropped]),
        _ratio,
    ),
    Metric(
        "vocabulary_used",
        "vocab used",
        "fraction",
        "different token ids that occur over the vocabulary size",
        lambda encoded: encoded.counts,
        _used,
    ),
    Metric(
        "renyi_efficiency",
        "Rényi eff.",
        "ratio",
        f"Rényi entropy of order {ALPHA} of the token frequencies over the logarithm of the vocabulary size: 1 when "
        "every token is equally frequent (Zouhar et al. 2023, https://aclanthology.org/2023.acl-long.284); not "
        "comparable with the defaults of tokenization-scorer: order 3, over the tokens that occur",
        lambda encoded: encoded.counts,
        renyi_efficiency,
    ),
    Metric(
        "lossless_share",
        "lossless",
        "fraction",
        "fraction of documents that decoding restores exactly",
        lambda encoded: np.array([encoded.lossless_documents(), len(encoded.sample.texts)]),
        _ratio,
    ),
    Metric(
        "encode_mb_per_second",
        "MB/s",
        "speed",
        "10^6 bytes of text encoded a second, on this machine, with the threads it was given, in one run; it will "
        "differ in the next",
        _speed,
        _ratio,
    ),
)
