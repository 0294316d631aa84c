"""What every room stands on: artifacts, seeds, errors, metrics, progress.

Knows no text, no tensor and no model.
Imports nothing of the other rooms.
"""
