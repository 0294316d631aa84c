"""What the scan of a state-space layer costs (Dao and Gu 2024), for the kinds that have one."""


def scan_flops(*, inner: int, state: int) -> int:
    """Operations, forward and backward, a token and layer: each of inner x state numbers decays, takes up, and is read."""
    return 18 * inner * state


def scan_cached(*, inner: int, groups: int, state: int, conv: int) -> int:
    """Numbers that a layer keeps between two tokens: its state, and what its convolution sees."""
    return inner * state + conv * (inner + 2 * groups * state)


def scan_numbers(*, tokens: int, heads: int, inner: int, state: int, chunk: int) -> int:
    """Numbers that the scan in plain torch makes of a row.

    A head has five squares of each chunk (decays before and after exp, sums, scores, weights) and B and C twice; what goes through
    the convolution, the scan, its gate and its norm is there eight times.
    """
    read = -(-tokens // chunk) * chunk
    return read * (heads * (5 * chunk + 4 * state) + 8 * inner)
