"""The hundred books: a small generated world with full ground truth.

Facts, books, planted dirt and copies, questions, preferences.
Imports only core.
"""
