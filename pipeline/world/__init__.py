"""The hundred books: a small world that is generated and therefore fully known.

Facts, books, planted dirt and copies, questions, preferences, with the truth of each.
Knows core.
"""
