"""Fingerprints and splits depend on documents alone."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokit.arrays import Block
from tokit.corpus import Fingerprint, split_mask

DOCUMENTS = st.lists(st.binary(max_size=6), max_size=12)


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
def test_it_is_the_sum_of_the_hashes(documents: list[bytes]) -> None:
    total = sum(int.from_bytes(blake2b(each, digest_size=16).digest(), "little") for each in documents) % 2**128
    found = fingerprint(documents)
    assert int(found.hexdigest(), 16) == total and len(found.hexdigest()) == 32
    assert (found.documents, found.bytes) == (len(documents), sum(map(len, documents)))


@pytest.mark.parametrize(
    "other", [[], [b"ab"], [b"a", b"b", b""], [b"a", b"b", b"b"], [b"b", b"b"], [b"a", b"c"], [b"a\n", b"b"]]
)
def test_other_documents_have_another_one(other: list[bytes]) -> None:
    assert fingerprint([b"a", b"b"]).hexdigest() != fingerprint(other).hexdigest()


def test_the_value_is_the_same_everywhere() -> None:
    assert fingerprint([b"a", b"b"]).hexdigest() == "964d4469c93f923950b3aae6ba89dabd"
    mask = split_mask(Block.of([str(number).encode() for number in range(32)]), 0.25)
    assert np.flatnonzero(mask).tolist() == [0, 8, 10, 11, 23, 26, 27, 29]


@given(documents=DOCUMENTS, small=st.floats(0, 1), large=st.floats(0, 1), seed=st.integers(-5, 5))
def test_a_split_looks_at_each_document_alone(documents: list[bytes], small: float, large: float, seed: int) -> None:
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
def test_a_fraction_that_is_none(fraction: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_mask(Block.of([b"a"]), fraction)
