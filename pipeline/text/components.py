"""Which of many things hang together, when pairs of them are known to (union-find, Tarjan 1975)."""

import numpy as np

from pipeline.core.kernel import kernel


@kernel
def unite(parent, pairs):  # type: ignore[no-untyped-def]
    """Join the trees of each pair [pairs, 2] under the lower root, in place; afterwards every parent is a root.

    No parent may be above its child, as in numpy.arange, in which each is alone. Parents and pairs are integers of any kind.
    """
    for pair in range(pairs.shape[0]):
        one, two = np.int64(pairs[pair, 0]), np.int64(pairs[pair, 1])
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = np.int64(parent[one])
        while parent[two] != two:
            parent[two] = parent[parent[two]]
            two = np.int64(parent[two])
        parent[max(one, two)] = min(one, two)
    for number in range(parent.size):  # its parent, which is lower, is at its root already
        parent[number] = parent[parent[number]]
