"""What can be asked of a model besides a fact: one file a skill, each a generator of exercises and a rule that judges answers.

A new one is a file here and its line in `catalogue`.
"""
