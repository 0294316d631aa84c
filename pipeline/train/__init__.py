"""A module and a loss go in, a better module comes out.

Loop, schedule, optimizer, precision, exact checkpoints.
Knows no language model.
"""
