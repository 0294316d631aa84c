"""Packages that carry each other's files: they stand on one side of a split, since what one documents the other does too."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

LINE = 20  # characters; shorter ones are in many packages and say nothing
COPIED = 0.7  # share of a file's characters in lines of another package from which it is a copy; near copies have 0.8 in common


def families(files: Sequence[tuple[str, str]]) -> dict[str, str]:
    """By package the least name of its family. `files` are (package, text); a file is a copy where most of it stands word for word in
    one other package."""
    lines = [(package, len(text), _lines(text)) for package, text in files]
    holders: dict[bytes, set[str]] = defaultdict(set)
    for package, _, own in lines:
        for digest in own:
            holders[digest].add(package)
    parent = {package: package for package, _ in files}
    for package, whole, own in lines:
        shared: Counter[str] = Counter()
        for digest, size in own.items():
            shared.update(dict.fromkeys(holders[digest] - {package}, size))
        for other, size in shared.items():
            if size >= COPIED * whole:
                one, two = sorted((_root(parent, package), _root(parent, other)))
                parent[two] = one
    return {package: _root(parent, package) for package in parent}


def _lines(text: str) -> dict[bytes, int]:
    """The characters of each different line, by a hash of its words."""
    words = (" ".join(line.split()) for line in text.splitlines())
    return {hashlib.blake2b(one.encode(), digest_size=8).digest(): len(one) for one in words if len(one) >= LINE}


def _root(parent: Mapping[str, str], package: str) -> str:
    while parent[package] != package:
        package = parent[package]
    return package
