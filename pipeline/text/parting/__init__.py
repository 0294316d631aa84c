"""Which part a document belongs to, and that train repeats nothing of what is held out."""
