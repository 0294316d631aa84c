"""Ratios against other tools, and timings of the pipeline."""
