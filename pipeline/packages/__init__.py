"""The packages: the documentation that the locked distributions of the environment carry, a real corpus on every machine, offline.

Descriptions, text files and docstrings, read without importing anything; instructions and preferences about what they document.
Imports only core.
"""
