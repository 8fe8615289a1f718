"""Detection of a file's format from its first bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tokit.embedding.formats.base import BYTE_ORDER_MARK
from tokit.embedding.formats.fasttext_header import is_model
from tokit.embedding.formats.source import HEAD_BYTES, VectorSource
from tokit.embedding.formats.text_reader import HEADER
from tokit.errors import ArtifactError
from tokit.storage.files import MAGIC

BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# A tar archive has its name here.
TAR, TAR_AT = b"ustar", 257
# The binary protocols, and the first objects of the oldest one, which is text.
PICKLE = re.compile(rb"\x80[\x02-\x05]|c[\w.]+\n\w+\n|\((dp|lp)\d|ccopy_reg\n")
# The module and class that a pickle of gensim begins with.
GENSIM = re.compile(rb"(gensim\.models\.[\w.]+)[^A-Za-z]{1,8}([A-Z]\w+)", re.DOTALL)
PICKLE_HEAD = 2000
# Lines that tell text from binary.
HEAD_LINES = 20
LONGEST_SAFETENSORS_HEADER = 100_000_000


def detect_format(source: VectorSource) -> str:
    """Name the format of a file.

    Raises:
        ArtifactError: it is empty, or its format is unknown.
    """
    head, name = source.head.removeprefix(BYTE_ORDER_MARK), source.name
    if not head:
        raise ArtifactError(f"{name}: the file is empty", hint="fetch it again")
    _refuse_others(head, name)
    size = source.size if source.size is not None else LONGEST_SAFETENSORS_HEADER
    for format_name, fits in TESTS.items():
        if fits(head, size):
            return "fasttext-vec" if format_name == "word2vec" and ".vec" in Path(name).suffixes else format_name
    raise ArtifactError(f"{name}: no known format of word vectors", hint="name it with --format")


def _refuse_others(head: bytes, name: str) -> None:
    """Name kinds of files that are known, and not read.

    Raises:
        ArtifactError: the file is of such a kind.
    """
    if PICKLE.match(head):
        raise _pickle(head[:PICKLE_HEAD], name)
    if head[TAR_AT : TAR_AT + len(TAR)] == TAR:
        raise ArtifactError(
            f"{name}: a tar archive", hint=f"tar xOf {name} FILE | tokit import - -o EMB; its files: tar tf {name}"
        )
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            raise ArtifactError(
                f"{name}: {encoding}, not UTF-8", hint=f"convert it first: iconv -f {encoding} -t utf-8"
            )


def _pickle(head: bytes, name: str) -> ArtifactError:
    """The error for a pickle, which could run any code when it is loaded."""
    found = GENSIM.search(head)
    if found is None:
        return ArtifactError(
            f"{name}: a Python pickle, which is never loaded", hint="save its vectors as text, or with numpy.save(...)"
        )
    module, kind = found[1].decode("ascii"), found[2].decode("ascii")
    # Old files name modules that are gone.
    module = f"gensim.models.{module.rpartition('.')[2]}"
    way = f"in Python: from {module} import {kind}; {kind}.load('{name}')"
    if kind == "FastText":
        way = f"in Python: from {module} import {kind}, save_facebook_model"
        way += f"; save_facebook_model({kind}.load('{name}'), 'words.bin')"
    else:
        way += f"{'' if 'KeyedVectors' in kind else '.wv'}.save_word2vec_format('words.vec')"
    return ArtifactError(f"{name}: gensim's own format of {kind} (a pickle), which is never loaded", hint=way)


def _is_fasttext(head: bytes, _: int) -> bool:
    return is_model(head)


def _is_numpy(head: bytes, _: int) -> bool:
    return head.startswith(MAGIC[".npy"])


def _is_safetensors(head: bytes, size: int) -> bool:
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _is_word2vec(head: bytes, _: int) -> bool:
    # A file with a broken line is text too: the error of the reader names the line.
    return _has_header(head) and _is_text(head)


def _is_word2vec_binary(head: bytes, _: int) -> bool:
    return _has_header(head)


def _is_glove(head: bytes, _: int) -> bool:
    return not _has_header(head) and _is_line(head.partition(b"\n")[0])


TESTS: dict[str, Callable[[bytes, int], bool]] = {
    "fasttext-bin": _is_fasttext,
    "npy": _is_numpy,
    "safetensors": _is_safetensors,
    "word2vec": _is_word2vec,
    "word2vec-binary": _is_word2vec_binary,
    "glove": _is_glove,
}


def _has_header(head: bytes) -> bool:
    return HEADER.fullmatch(head.partition(b"\n")[0]) is not None


def _is_text(head: bytes) -> bool:
    """True if most of the first lines are words and numbers, or all is text; words need not be UTF-8."""
    lines = head.split(b"\n")[1 : HEAD_LINES + 1]
    if sum(map(_is_line, lines)) > len(lines) // 2:
        return True
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be truncated.
        return len(head) == HEAD_BYTES and error.start > HEAD_BYTES - 4 and b"\0" not in head
    return b"\0" not in head


def _is_line(line: bytes) -> bool:
    """True if a line, or the start of a very long one, is a word and at least one number."""
    fields = line.split()
    # The second field may belong to a word with spaces, and the last one may be truncated.
    middle = fields[len(fields) // 2 : -1] or fields[1:]
    if len(fields) < 2:
        return False
    try:
        return bool([float(field) for field in middle])
    except ValueError:
        return False
