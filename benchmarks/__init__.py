"""Ratios against named peers, and the times of the chain."""
