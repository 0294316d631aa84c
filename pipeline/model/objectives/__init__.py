"""What a base model is taught: a file for each objective of pretraining.

An objective says where its module starts, what that loses on rows of tokens, and what is told of it on held-out text.
"""
