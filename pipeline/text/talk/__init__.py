"""Dialogues of your own, in the shapes in which they are found."""
