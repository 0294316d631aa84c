"""Scriptorium's library: from raw text to an aligned, quantized language model.

The rooms stand in the order of the data; docs/house.md says who may know whom.
Every room works with plain arguments, in a notebook as in a stage.
"""
