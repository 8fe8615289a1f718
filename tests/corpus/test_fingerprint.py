"""Fingerprints and splits depend on documents alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokit.arrays import Block
from tokit.corpus import Fingerprint, split_mask
from tokit.corpus.fingerprint import _seeded, hash_documents
from tokit.kernels.compiled import loader

DOCUMENTS = st.lists(st.binary(max_size=6), max_size=12)


def mixed(x: int) -> int:
    """The finalizer, number by number."""
    x = ((x ^ (x >> 33)) * 0xFF51AFD7ED558CCD) % 2**64
    x = ((x ^ (x >> 29)) * 0xC4CEB9FE1A85EC53) % 2**64
    return x ^ (x >> 32)


def plain_hash(document: bytes, seed: int) -> int:
    """The hash of a document, word by word."""
    start = _seeded(seed)
    one = two = 0
    for place in range((len(document) + 7) // 8):
        step = (start + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
        word = mixed(int.from_bytes(document[8 * place : 8 * place + 8], "little") ^ step)
        one += word
        two += mixed((word + step) % 2**64)
    low = mixed((one + len(document) * 0x9E3779B97F4A7C15 + start) % 2**64)
    high = mixed((two + len(document) * 0xFF51AFD7ED558CCD + (start ^ (2**64 - 1))) % 2**64)
    return low + (high << 64)


def fingerprint(*blocks: list[bytes]) -> Fingerprint:
    found = Fingerprint()
    for documents in blocks:
        found.add(Block.of(documents))
    return found


@given(documents=DOCUMENTS, cut=st.integers(0, 12), data=st.data())
def test_order_and_block_borders_do_not_matter(documents: list[bytes], cut: int, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(documents))
    whole, parts = fingerprint(documents), fingerprint(shuffled[:cut], shuffled[cut:])
    assert whole == parts and whole.hexdigest() == parts.hexdigest()
    merged = fingerprint(shuffled[:cut])
    merged.merge(fingerprint(shuffled[cut:]))
    assert merged == whole


@given(documents=DOCUMENTS)
def test_fingerprint_is_the_sum_of_the_hashes(documents: list[bytes]) -> None:
    total = sum(plain_hash(each, 0) for each in documents) % 2**128
    found = fingerprint(documents)
    assert int(found.hexdigest(), 16) == total and len(found.hexdigest()) == 32
    assert (found.documents, found.bytes) == (len(documents), sum(map(len, documents)))


@pytest.mark.parametrize(
    "other", [[], [b"ab"], [b"a", b"b", b""], [b"a", b"b", b"b"], [b"b", b"b"], [b"a", b"c"], [b"a\n", b"b"]]
)
def test_other_documents_have_another_fingerprint(other: list[bytes]) -> None:
    assert fingerprint([b"a", b"b"]).hexdigest() != fingerprint(other).hexdigest()


def test_hash_values_are_fixed() -> None:
    assert fingerprint([b"a", b"b"]).hexdigest() == "fd3d624f73af8c6baba1dd51bb175522"
    mask = split_mask(Block.of([str(number).encode() for number in range(32)]), 0.25)
    assert np.flatnonzero(mask).tolist() == [2, 3, 5, 6, 9, 10, 13, 14, 16, 18, 21, 23, 24, 25]


@given(documents=DOCUMENTS, small=st.floats(0, 1), large=st.floats(0, 1), seed=st.integers(-5, 5))
def test_split_depends_on_each_document_alone(documents: list[bytes], small: float, large: float, seed: int) -> None:
    small, large = sorted((small, large))
    mask = split_mask(Block.of(documents), small, seed)
    assert mask.dtype == np.bool_ and mask.shape == (len(documents),)
    assert mask.tolist() == [bool(split_mask(Block.of([each]), small, seed)[0]) for each in documents]
    assert not (mask & ~split_mask(Block.of(documents), large, seed)).any()


def test_fractions_and_seeds() -> None:
    block = Block.of([str(number).encode() for number in range(20_000)])
    assert not split_mask(block, 0).any() and split_mask(block, 1).all()
    masks = [split_mask(block, 0.1, seed) for seed in (0, 1)]
    for mask in masks:
        # Five standard deviations of a binomial with 20,000 draws.
        assert abs(mask.sum() - 2_000) < 215
    # Independent halves overlap by chance only: 200 expected, 14 the standard deviation.
    assert abs((masks[0] & masks[1]).sum() - 200) < 70


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_fraction_outside_zero_to_one(fraction: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_mask(Block.of([b"a"]), fraction)


@given(documents=st.lists(st.binary(max_size=40), min_size=1, max_size=12), seed=st.integers(-(2**70), 2**70))
def test_kernel_and_numpy_hash_alike(documents: list[bytes], seed: int) -> None:
    block = Block.of(documents)
    plain = [plain_hash(each, seed) for each in documents]
    with pytest.MonkeyPatch.context() as patch:
        for threshold in (1 << 60, 0):
            patch.setattr(loader, "WORTH_LOADING", threshold)
            patch.setattr(loader, "WORTH_COMPILING", threshold)
            hashes = hash_documents(block, seed)
            assert [int(low) + (int(high) << 64) for low, high in hashes.tolist()] == plain
