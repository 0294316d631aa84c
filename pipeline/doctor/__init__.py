"""What stands against a run before it begins: the machine, the settings against it and against the data, and how long it may take.

Each look gives findings, and raises for none: all are told at once.
"""
