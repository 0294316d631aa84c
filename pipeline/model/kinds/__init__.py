"""Kinds of models, one file each: a shape in the field's words, and transformers' configuration of it.

What all of them have is in pipeline/model/kind.py, the list of them in pipeline/model/shapes.py.
"""
