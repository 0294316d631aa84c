"""Train, val and test, and decontamination of train."""
