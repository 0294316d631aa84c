"""Strings in, strings out: reading, repair, measure, dedup, splitting, dialogues; truth scores them against planted ground truth.

Arrow tables and numba kernels.
Never imports torch.
"""
