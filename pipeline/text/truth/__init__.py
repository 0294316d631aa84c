"""How well each stage did, where the corpus knows the truth of each document."""
