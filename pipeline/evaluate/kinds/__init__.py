"""Kinds of tasks, one file each: settings, what a model is asked, what needs no model.

No torch at import: the baselines are counted without it.
"""
