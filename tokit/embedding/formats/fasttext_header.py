"""The head of fastText's .bin in its versions: arguments and where the dictionary starts.

Version 12 is today's. Version 11 has the same layout; its classifiers use no n-grams. The first generation (2016, the
first `wiki.*.bin`) has neither magic number nor version, no record of pruning, and matrices without a quantized flag.
https://github.com/facebookresearch/fastText (src/args.cc, fasttext.cc: loadModel)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tokit.errors import ArtifactError

MAGIC, VERSION, OLDER_VERSION = 793712314, 12, 11
START = struct.Struct("<2i")
ARGUMENTS = struct.Struct("<12id")
FLORET_EXTRA = 8
DICTIONARY, OLD_DICTIONARY = struct.Struct("<3i2q"), struct.Struct("<3iq")
SHAPE, OLD_SHAPE = struct.Struct("<?2q"), struct.Struct("<2q")
# The file's numbers of losses and kinds of models.
NEGATIVE_SAMPLING = 2
CBOW, SKIPGRAM, SUPERVISED = 1, 2, 3
LOSSES = KINDS = (1, 2, 3)
# Largest settings of a model that has no magic number to be known by.
MOST_DIMS, MOST_NGRAM = 10_000, 100


@dataclass(frozen=True, slots=True)
class Arguments:
    """The model's training arguments that the reader needs.

    Attributes:
        dim: Dimension of the vectors.
        loss: `NEGATIVE_SAMPLING` or another.
        kind: `CBOW`, `SKIPGRAM` or `SUPERVISED`.
        minn: Characters of the shortest n-gram.
        maxn: Characters of the longest; 0: no n-grams.
        bucket: Number of hash buckets of n-grams. Their rows follow those of the dictionary.
        dictionary: Byte offset of the dictionary.
        old: Of the first generation.
    """

    dim: int
    loss: int
    kind: int
    minn: int
    maxn: int
    bucket: int
    dictionary: int
    old: bool


def is_model(head: bytes) -> bool:
    """True for the first bytes of a model of any version."""
    return head[:4] == struct.pack("<i", MAGIC) or _is_first_generation(head)


def read_arguments(content: bytes, name: str) -> Arguments:
    """Read the arguments.

    Args:
        content: The file, or what can be sliced as if it were.
        name: Its name in messages.

    Raises:
        ArtifactError: another kind of file, or another version.
        struct.error: it is truncated.
    """
    magic, version = START.unpack_from(content)
    if magic != MAGIC:
        if not _is_first_generation(content[: ARGUMENTS.size + OLD_DICTIONARY.size]):
            raise ArtifactError(f"{name}: not a model of fastText", hint="leave --format out")
        return _unpacked(content, 0, name, old=True)
    if version not in (VERSION, OLDER_VERSION):
        raise ArtifactError(
            f"{name}: version {version} of fastText's format, not {VERSION}",
            hint="damaged? or load and save it with a fastText of today",
        )
    arguments = _unpacked(content, START.size, name, old=False)
    if not _is_dictionary(content, arguments.dictionary):
        raise _no_dictionary(content, arguments.dictionary, name)
    if version == OLDER_VERSION and arguments.kind == SUPERVISED:
        return Arguments(arguments.dim, arguments.loss, SUPERVISED, 0, 0, arguments.bucket, arguments.dictionary, False)
    return arguments


def _unpacked(content: bytes, at: int, name: str, *, old: bool) -> Arguments:
    dim, *_, loss, kind, buckets, shortest, longest, _, _ = ARGUMENTS.unpack_from(content, at)
    if dim < 1 or (longest > 0 and buckets < 1) or buckets < 0:
        raise ArtifactError(f"{name}: {dim} dimensions and {buckets} buckets", hint="damaged?")
    return Arguments(dim, loss, kind, shortest, longest, buckets, at + ARGUMENTS.size, old)


def _no_dictionary(content: bytes, at: int, name: str) -> ArtifactError:
    if _is_dictionary(content, at + FLORET_EXTRA):
        return ArtifactError(
            f"{name}: a model of floret, not of fastText",
            hint="have floret write its vectors as text: model.save_vectors('words.vec')",
        )
    return ArtifactError(f"{name}: byte {at}: no dictionary there", hint="damaged?")


def _is_dictionary(content: bytes, at: int) -> bool:
    size, words, labels, tokens, pruned = DICTIONARY.unpack_from(content, at)
    return bool(words >= 0 and labels >= 0 and size == words + labels and tokens >= 0 and pruned >= -1)


def _is_first_generation(head: bytes) -> bool:
    """True for plausible arguments and a dictionary behind them, in place of a magic number."""
    if len(head) < ARGUMENTS.size + OLD_DICTIONARY.size:
        return False
    dim, window, epochs, _, _, _, loss, kind, buckets, shortest, longest, _, _ = ARGUMENTS.unpack_from(head)
    size, words, labels, tokens = OLD_DICTIONARY.unpack_from(head, ARGUMENTS.size)
    plausible = 0 < dim <= MOST_DIMS and window > 0 and epochs > 0 and loss in LOSSES and kind in KINDS and buckets >= 0
    plausible = plausible and 0 <= shortest <= MOST_NGRAM and 0 <= longest <= MOST_NGRAM
    return bool(plausible and words > 0 and labels >= 0 and size == words + labels and tokens >= words)
