"""From rows of tokens to a base model: the model of one room, the loop of another, and teachers before them where there are any.

Knows model, train and tokens.
"""
