"""Connected components from pairs (union-find, Tarjan 1975)."""

import numpy as np

from pipeline.core.kernel import kernel


@kernel
def union_pairs(parent, pairs):  # type: ignore[no-untyped-def]
    """Union the trees of each pair [pairs, 2] under the lower root, in place; afterwards every parent is a root.

    No parent may be above its child, as in numpy.arange (all singletons). Parents and pairs may be any integer type.
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
    for number in range(parent.size):  # its parent is lower, so it is already resolved
        parent[number] = parent[parent[number]]
