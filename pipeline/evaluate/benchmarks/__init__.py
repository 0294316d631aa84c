"""Published benchmarks in the shapes of their files, one file each: a row -> a problem.

A new one is a file here, its name in formats.py, and a file of conf/tasks.
"""
