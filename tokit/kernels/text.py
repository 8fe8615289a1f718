"""Text on its way in and out: lines, hashes of documents, ids as digits, ids back to text."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import i32, i64, inlined, jit, load64, number, store64, u8, u16, u32, u64
from tokit.kernels.layout import CHANGES, COMPOSED, COMPOSES, HASH_MIX_1, HASH_MIX_2, HASH_STEP, RANK
from tokit.kernels.pretokenize.cutting import char_length, code_point

_LOW, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_LINES = np.uint64(0x0A0A0A0A0A0A0A0A)
_STEP, _MIX_1, _MIX_2 = np.uint64(HASH_STEP), np.uint64(HASH_MIX_1), np.uint64(HASH_MIX_2)

# Text is looked at in pieces of so many bytes; one of ASCII alone needs no closer look.
_PIECE = 1 << 9


@inlined
def _is_wrong(byte, back_1, back_2, back_3):
    """Whether a byte cannot stand behind the three before it, in UTF-8.

    Neither in a character longer than it must be, nor in half of a surrogate pair, nor beyond U+10FFFF.
    https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506 (table 3-7)
    """
    continues = (byte & np.uint8(0xC0)) == np.uint8(0x80)
    must = (back_1 >= np.uint8(0xC0)) | (back_2 >= np.uint8(0xE0)) | (back_3 >= np.uint8(0xF0))
    wrong = (continues != must) | (byte == np.uint8(0xC0)) | (byte == np.uint8(0xC1)) | (byte > np.uint8(0xF4))
    wrong |= (back_1 == np.uint8(0xE0)) & (byte < np.uint8(0xA0))
    wrong |= (back_1 == np.uint8(0xED)) & (byte > np.uint8(0x9F))
    wrong |= (back_1 == np.uint8(0xF0)) & (byte < np.uint8(0x90))
    return wrong | ((back_1 == np.uint8(0xF4)) & (byte > np.uint8(0x8F)))


@jit
def _is_utf8_behind(raw, start, end):
    """Whether the bytes from `start` >= 3 on can stand behind those before them."""
    here, back_1, back_2, back_3 = raw[start:end], raw[start - 1 : end - 1], raw[start - 2 : end], raw[start - 3 : end]
    wide = back_1[0]
    for k in range(len(here)):
        wide |= here[k]
    if wide < 0x80:
        return True
    wrong = np.uint8(0)
    for k in range(len(here)):
        wrong |= np.uint8(_is_wrong(here[k], back_1[k], back_2[k], back_3[k]))
    return wrong == 0


@jit
def _is_utf8(raw, size):
    zero = np.uint8(0)
    for k in range(min(3, size)):
        if _is_wrong(raw[k], raw[k - 1] if k > 0 else zero, raw[k - 2] if k > 1 else zero, zero):
            return False
    for start in range(3, size, _PIECE):
        if not _is_utf8_behind(raw, start, min(start + _PIECE, size)):
            return False
    # A character must not go on behind the end.
    for k in range(min(3, size)):
        if raw[size - 1 - k] >= (0xC0, 0xE0, 0xF0)[k]:
            return False
    return True


@jit
def _split_lines(raw, size, data, ends):
    if not _is_utf8(raw, size):
        return -1
    used = np.int64(0)
    lines = 0
    i = np.int64(0)
    while i < size:
        # Nothing is read behind the end: the bytes are Python's own.
        if size - i >= 8:
            word = load64(raw, i)
            found = word ^ _LINES
            if (found - _LOW) & ~found & _HIGH == 0:
                store64(data, used, word)
                used += 8
                i += 8
                continue
        last = min(i + 8, size)
        while i < last:
            byte = raw[i]
            if byte == 10:
                ends[lines] = used
                lines += 1
            else:
                data[used] = byte
                used += 1
            i += 1
    return lines


def split_lines(a):
    """Take newlines out. Arguments: raw, its size; data (as long), ends: written.

    Returns:
        How many newlines there were, the rest behind the last one has no end; -1 when the text is not UTF-8.
    """
    return _split_lines(u8(a, 0), number(a, 1), u8(a, 2), i64(a, 3))


@inlined
def _mixed(x):
    x = (x ^ (x >> np.uint64(33))) * _MIX_1
    x = (x ^ (x >> np.uint64(29))) * _MIX_2
    return x ^ (x >> np.uint64(32))


@jit
def _hash_documents(data, ends, seed, hashes):
    start = np.int64(0)
    for document in range(len(ends)):
        end = ends[document]
        length = end - start
        one = np.uint64(0)
        two = np.uint64(0)
        step = seed
        for i in range(start, end - 7, 8):
            step += _STEP
            mixed = _mixed(load64(data, i) ^ step)
            one += mixed
            two += _mixed(mixed + step)
        if length & 7:
            word = np.uint64(0)
            for k in range(end - 1, end - (length & 7) - 1, -1):
                word = (word << np.uint64(8)) | np.uint64(data[k])
            step += _STEP
            mixed = _mixed(word ^ step)
            one += mixed
            two += _mixed(mixed + step)
        hashes[2 * document] = _mixed(one + np.uint64(length) * _STEP + seed)
        hashes[2 * document + 1] = _mixed(two + np.uint64(length) * _MIX_1 + ~seed)
        start = end
    return 0


def hash_documents(a):
    """128 bits of each document, in two uint64. Arguments: data, ends, seed; hashes: written, two a document."""
    return _hash_documents(u8(a, 0), i64(a, 1), np.uint64(number(a, 2)), u64(a, 3))


@inlined
def _compose(pairs, first, second):
    """Whether two characters stand in the sorted pairs."""
    wanted = (np.uint64(first) << np.uint64(21)) | np.uint64(second)
    low = np.int64(0)
    high = np.int64(len(pairs))
    while low < high:
        middle = (low + high) >> 1
        if pairs[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < len(pairs) and pairs[low] == wanted


@jit
def _may_change(data, i, end, pages, classes, plain, pairs):
    starter = np.int64(0)
    composed = False
    rank = 0
    while i < end:
        if plain and i + 8 <= end and load64(data, i) & _HIGH == 0:
            i += 8
            starter = np.int64(data[i - 1])
            composed = False
            rank = 0
            continue
        length = char_length(data[i])
        point = np.int64(data[i]) if length == 1 else code_point(data, i, length)
        i += length
        value = classes[pages[point >> 8] + (point & 255)]
        if value == CHANGES:
            return True
        if value & COMPOSES and (composed or _compose(pairs, starter, point)):
            return True
        own = value & RANK
        if own and own < rank:
            return True
        rank = own
        if own == 0:
            starter = point
            composed = value & COMPOSED != 0
    return False


@jit
def _find_changed(data, ends, pages, classes, plain, pairs, changed):
    start = np.int64(0)
    total = 0
    for document in range(len(ends)):
        changed[document] = _may_change(data, start, ends[document], pages, classes, plain, pairs)
        total += changed[document]
        start = ends[document]
    return total


def find_changed(a):
    """Which documents a normalizer may change.

    Arguments: data, ends; pages: where in `classes` the page of 256 code points starts; classes: CHANGES, or 0 for what
    stays whatever stands around, or an or of COMPOSED (can be taken apart), COMPOSES (with what `pairs` says) and the
    RANK of a mark, whose marks have to stand in order; whether all of ASCII is 0; pairs: first << 21 | second, sorted;
    changed: written, a byte a document.

    Returns:
        How many may change.
    """
    return _find_changed(u8(a, 0), i64(a, 1), i32(a, 2), u8(a, 3), number(a, 4), u64(a, 5), u8(a, 6))


@jit
def _pack_ids(data, ends, mark, narrow, wide, out_ends):
    start = np.int64(0)
    used = np.int64(0)
    small = len(narrow) > 0
    for document in range(len(ends)):
        end = ends[document]
        size = end - start
        # Slices count from their own start, so that many ids are written at once.
        ids = data[start:end]
        if small:
            few = narrow[used:]
            for k in range(size):
                few[k] = ids[k]
        else:
            many = wide[used:]
            for k in range(size):
                many[k] = ids[k]
        used += size
        if mark >= 0:
            if small:
                narrow[used] = mark
            else:
                wide[used] = mark
            used += 1
        out_ends[document] = used
        start = end
    return used


def pack_ids(a):
    """Ids as shards keep them: narrow, with a mark behind each document.

    Arguments: data, ends; the mark, or -1; narrow (uint16) and wide (uint32): one is empty, the other is written, and
    out_ends.

    Returns:
        How many ids were written.
    """
    return _pack_ids(u32(a, 0), i64(a, 1), number(a, 2), u16(a, 3), u32(a, 4), i64(a, 5))


@jit
def _format_ids(data, ends, digits, out):
    used = np.int64(0)
    start = np.int64(0)
    for document in range(len(ends)):
        for k in range(start, ends[document]):
            value = np.int64(data[k])
            length = 1
            bound = np.int64(10)
            while value >= bound:
                length += 1
                bound *= 10
            at = used + length - 1
            while value >= 100:
                pair = value % 100
                value //= 100
                out[at] = digits[2 * pair + 1]
                out[at - 1] = digits[2 * pair]
                at -= 2
            if value >= 10:
                out[at] = digits[2 * value + 1]
                out[at - 1] = digits[2 * value]
            else:
                out[at] = 48 + value
            out[used + length] = 32
            used += length + 1
        if ends[document] > start:
            used -= 1
        out[used] = 10
        used += 1
        start = ends[document]
    return used


def format_ids(a):
    """A line of decimal numbers a document. Arguments: data, ends; digits ("00" to "99"); out: 11 bytes an id and one
    a document, and one more.

    Returns:
        Bytes written, with a newline behind each line.
    """
    return _format_ids(u32(a, 0), i64(a, 1), u8(a, 2), u8(a, 3))


@jit
def _parse_ids(data, ends, limit, out, out_ends):
    used = np.int64(0)
    i = np.int64(0)
    for line in range(len(ends)):
        end = ends[line]
        while i < end:
            if data[i] == 32:
                i += 1
                continue
            value = np.int64(0)
            while i < end and data[i] != 32:
                digit = np.int64(data[i]) - 48
                if digit < 0 or digit > 9:
                    return np.int64(-1)
                value = value * 10 + digit
                if value >= limit:
                    return np.int64(-1)
                i += 1
            out[used] = value
            used += 1
        out_ends[line] = used
    return used


def parse_ids(a):
    """Lines of decimal numbers between spaces. Arguments: data, ends; the vocabulary's size; out, out_ends: written.

    Returns:
        How many ids there are; -1 when something else stands there, or an id outside the vocabulary.
    """
    return _parse_ids(u8(a, 0), i64(a, 1), number(a, 2), u32(a, 3), i64(a, 4))


@inlined
def _copy(piece, pieces, piece_ends, out, used):
    start = piece_ends[piece - 1] if piece else np.int64(0)
    size = piece_ends[piece] - start
    if size <= 8:
        # Eight bytes whatever the piece has: the next one writes over what is too much.
        for k in range(8):
            out[used + k] = pieces[start + k]
    else:
        for k in range(size):
            out[used + k] = pieces[start + k]
    return used + size


@jit
def _decode_ids(data, ends, first, first_ends, rest, rest_ends, dropped, separator, out, out_ends):
    used = np.int64(0)
    i = np.int64(0)
    for document in range(len(ends)):
        fresh = True
        while i < ends[document]:
            piece = np.int64(data[i])
            i += 1
            if dropped[piece]:
                continue
            if fresh:
                used = _copy(piece, first, first_ends, out, used)
                fresh = False
            else:
                used = _copy(piece, rest, rest_ends, out, used)
        out_ends[document] = used
        for k in range(len(separator)):
            out[used + k] = separator[k]
        used += len(separator)
    return used


def decode_ids(a):
    """The text of documents, with a separator behind each.

    Arguments: data, ends: ids within the vocabulary; first, first_ends: bytes of each piece at the beginning of a
    document (MARGIN longer), rest, rest_ends: of the same after another; dropped: a byte a piece, 1 where it has no
    text; separator; out: room for all and MARGIN more; out_ends: of each document, without the separator.

    Returns:
        Bytes written.
    """
    return _decode_ids(
        u32(a, 0), i64(a, 1), u8(a, 2), i64(a, 3), u8(a, 4), i64(a, 5), u8(a, 6), u8(a, 7), u8(a, 8), i64(a, 9)
    )


@jit
def _count_ids(ids, ends, document, tokens, documents, last):
    start = np.int64(0)
    for k in range(len(ends)):
        for i in range(start, ends[k]):
            token = ids[i]
            tokens[token] += 1
            if last[token] != document + k:
                last[token] = document + k
                documents[token] += 1
        start = ends[k]
    return 0


def count_ids(a):
    """Count ids and the documents that hold each.

    Arguments: ids, ends; the number of the first document; for each id: how often it occurs and in how many documents,
    added to; the number of the last document that had it, -1 before any.
    """
    return _count_ids(u32(a, 0), i64(a, 1), number(a, 2), i64(a, 3), i64(a, 4), i64(a, 5))
