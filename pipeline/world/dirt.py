"""What scanners, scrapers and publishers add to a text, planted so that perfect cleaning gives the text back.

Each plant is named like the repair that undoes it.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

PLANTS = ("page_numbers", "running_heads", "licence", "encoding", "quotes", "hyphenation", "controls", "boilerplate")
NEEDS = {"encoding": "quotes"}  # double encoding shows in characters beyond ASCII; the books have few but quotes

BREAKABLE = re.compile(r"[a-z]{6,}[.,?]?")
INSIDE_WORD = re.compile(r"(?<=[A-Za-z])(?=[A-Za-z])")
CONTROLS = [chr(code) for code in (*range(1, 9), *range(14, 27), 127)]
MISREAD = [bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte)) for byte in range(256)]
PAGE_LINES = 36
PAGE_CHARACTERS = 1700
NUMBER_STYLES = ("{}", "- {} -", "[{}]", "Page {}")
HEAD_STYLES = (("{title}", "{title}"), ("{title}", "{author}"), ("{title}, BY {author}", "{title}, BY {author}"))
BOILERPLATE = (
    "Home | About | Contact | Log in",
    "Share this page on Facebook | Twitter | Email",
    "Click here to subscribe to our newsletter!",
    "Sign up for free updates and never miss a story.",
    "Advertisement",
    "Skip to main content",
    "We use cookies to improve your experience. Accept all cookies",
    "Privacy Policy | Terms of Use | Cookie Settings",
    "Copyright (c) 2021 Bookish.example. All rights reserved.",
    "Read more: 10 books that you must read this summer",
    "Follow us on Instagram and Facebook",
    "Please enable JavaScript to view this page.",
    "Back to top | Previous | Next",
    "Download our app to read offline",
)
HEADER = """The Open Shelf eBook of {title}, by {author}

This eBook is free for the use of anyone, anywhere, at no cost. You may copy it, give it away or use it again under the terms of the
Open Shelf License included with this eBook or online at www.openshelf.example

Title: {title}

Author: {author}

Release Date: {month}, {year} [eBook #{number}]

Language: English

*** START OF THE OPEN SHELF EBOOK {capitals} ***"""
FOOTER = """*** END OF THE OPEN SHELF EBOOK {capitals} ***

This file should be named {number}.txt. Updated editions will replace the previous one.

THE FULL OPEN SHELF LICENSE

1. By reading or using any part of this eBook, you agree to the terms of this license.

2. The eBook is provided AS IS, with no warranties of any kind, express or implied.

3. Volunteers made this file. Donations are accepted at www.openshelf.example/donate."""
MONTHS = ("January", "March", "June", "September", "November")


@dataclass
class Block:
    """A paragraph as lines; blocks stand a blank line apart."""

    lines: list[str]


def plant(text: str, plants: Collection[str], draw: np.random.Generator) -> str:
    """The text with all the plants; the same stream gives the same dirt."""
    title, author = text.split("\n\n", 2)[:2]
    author = author.removeprefix("by ")
    blocks = [Block([paragraph]) for paragraph in text.split("\n\n")]
    if "hyphenation" in plants:
        width = int(draw.integers(64, 74))
        blocks = [Block(_wrapped(block.lines[0], width, draw)) for block in blocks]
    if "page_numbers" in plants or "running_heads" in plants:
        blocks = _paged(blocks, _furniture(plants, title.upper(), author.upper(), draw))
    if "boilerplate" in plants:
        _add_boilerplate(blocks, draw)
    dirty = "\n\n".join("\n".join(block.lines) for block in blocks)
    if "quotes" in plants:
        dirty = curled(dirty)
    if "encoding" in plants:
        dirty = misread(dirty)
    if "controls" in plants:
        dirty = _with_controls(dirty, draw)
    if "licence" in plants:
        names = {"title": title, "author": author, "capitals": title.upper(), "month": MONTHS[int(draw.integers(len(MONTHS)))]}
        names |= {"year": str(draw.integers(1995, 2024)), "number": str(draw.integers(1000, 70000))}
        dirty = f"{HEADER.format(**names)}\n\n{dirty}\n\n{FOOTER.format(**names)}"
    return dirty


def curled(text: str) -> str:
    """Typographic quotes for straight ones."""
    text = re.sub(r'(^|(?<=\s))"', "“", text)
    return text.replace('"', "”").replace("'", "’")


def misread(text: str) -> str:
    """UTF-8 bytes read as Windows-1252; a byte that it lacks keeps its number, as browsers do."""
    return "".join(MISREAD[byte] for byte in text.encode("utf-8"))


def _wrapped(paragraph: str, width: int, draw: np.random.Generator) -> list[str]:
    """Lines of at most `width` characters; some words are broken at a line's end."""
    lines, line = [], ""
    for word in paragraph.split(" "):
        if line and len(line) + 1 + len(word) > width:
            room = width - len(line) - 2  # a blank before, a hyphen behind
            last = len(word.rstrip(".,?")) - 3
            if BREAKABLE.fullmatch(word) and room >= 3 and draw.random() < 0.6:
                cut = min(room, last)
                lines.append(f"{line} {word[:cut]}-")
                line = word[cut:]
            else:
                lines.append(line)
                line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _furniture(plants: Collection[str], title: str, author: str, draw: np.random.Generator) -> list[list[str]]:
    """What stands at the border after each page, for as many pages as a book can have."""
    number, page = NUMBER_STYLES[int(draw.integers(len(NUMBER_STYLES)))], int(draw.integers(1, 20))
    heads = HEAD_STYLES[int(draw.integers(len(HEAD_STYLES)))]
    pages = []
    for turn in range(1000):
        foot = [number.format(page + turn)] if "page_numbers" in plants else []
        head = [heads[turn % 2].format(title=title, author=author)] if "running_heads" in plants else []
        pages.append(foot + head)
    return pages


def _paged(blocks: Sequence[Block], furniture: Sequence[list[str]]) -> list[Block]:
    """Furniture after each page: inside a paragraph that is broken into lines, else between paragraphs."""
    borders, paged = iter(furniture), []
    full = 0.0
    for block in blocks:
        if len(block.lines) == 1:
            full += max(1 / PAGE_LINES, len(block.lines[0]) / PAGE_CHARACTERS)
            paged.append(block)
            if full >= 1:
                paged += [Block([line]) for line in next(borders)]
                full = 0
            continue
        lines: list[str] = []
        for line in block.lines:
            lines.append(line)
            full += 1 / PAGE_LINES
            if full >= 1 and not line.endswith("-") and line is not block.lines[-1]:
                lines += next(borders)
                full = 0
        paged.append(Block(lines))
    return paged


def _add_boilerplate(blocks: list[Block], draw: np.random.Generator) -> None:
    for _ in range(int(draw.integers(4, 10))):
        line = BOILERPLATE[int(draw.integers(len(BOILERPLATE)))]
        blocks.insert(int(draw.integers(len(blocks) + 1)), Block([line]))


def _with_controls(text: str, draw: np.random.Generator) -> str:
    """A control character inside every hundredth word or so."""
    return INSIDE_WORD.sub(lambda _: CONTROLS[int(draw.integers(len(CONTROLS)))] if draw.random() < 0.002 else "", text)
