"""A configuration becomes a transformers module that scores and generates.

Weights on disk are safetensors.
Knows nothing of training.
"""
