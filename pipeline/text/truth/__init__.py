"""Scores of the text stages against planted ground truth, if the corpus has it."""
