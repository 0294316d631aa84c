"""Strings in, strings out: reading, cleaning, dedup, split, decontamination.

Arrow tables and numba kernels.
Never imports torch.
"""
