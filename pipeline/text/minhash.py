"""MinHash signatures and the pairs of documents that they bring together (Broder 1997; bands as in Leskovec et al., ch. 3)."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numba
import numpy as np
import numpy.typing as npt

from pipeline.core.seed import stream
from pipeline.text.ngrams import Hashes

Signature = npt.NDArray[np.uint32]


def multipliers(count: int) -> npt.NDArray[np.uint32]:
    """Odd 32-bit numbers, one a hash function of the family lo * A + hi mod 2^32."""
    return stream(0, "minhash").integers(0, 2**32, count, dtype=np.uint32) | np.uint32(1)


def signature(shingles: Hashes, factors: npt.NDArray[np.uint32]) -> Signature:
    """The least value of each hash function over the shingles, [functions]."""
    least = np.full(factors.size, np.iinfo(np.uint32).max, np.uint32)
    _least(shingles, factors, least)
    return least


def candidates(signatures: Sequence[Signature], *, bands: int, rows: int) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) whose signatures agree in a whole band, each band's in the order of the documents; pairs may come again.

    Two documents of similarity J meet with probability 1 - (1 - J^rows)^bands.
    """
    table = np.ascontiguousarray(np.stack(signatures)[:, : bands * rows])
    for band in range(bands):
        keys = np.ascontiguousarray(table[:, band * rows : (band + 1) * rows]).view(f"V{4 * rows}").ravel()
        _, bucket = np.unique(keys, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        edges = np.flatnonzero(np.diff(bucket[order])) + 1
        for members in np.split(order, edges):
            if members.size > 1:
                yield from combinations(members.tolist(), 2)


def jaccard(left: Hashes, right: Hashes) -> float:
    """The exact similarity of two sets of shingles, sorted and without repetition; two empty ones have none."""
    if not left.size or not right.size:
        return 0.0
    shared = np.intersect1d(left, right, assume_unique=True).size
    return float(shared / (left.size + right.size - shared))


@numba.njit(cache=True, nogil=True)
def _least(shingles: Hashes, factors: npt.NDArray[np.uint32], least: Signature) -> None:
    for shingle in shingles:
        low, high = np.uint32(shingle & np.uint64(0xFFFFFFFF)), np.uint32(shingle >> np.uint64(32))
        for function in range(factors.size):
            value = np.uint32(low * factors[function] + high)
            least[function] = min(value, least[function])
