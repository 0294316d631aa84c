"""Strings in, strings out: reading, repair, measure, copies, parting, talk, and truth that says how well they did.

Arrow tables and numba kernels.
Never imports torch.
"""
