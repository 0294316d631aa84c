"""Dirt of whole files: site boilerplate, licences of publishers of free texts, wrong encodings."""

from collections.abc import Sequence

from pipeline.world.books import Rng

# a site's head, lines between paragraphs, and foot; {title} is that of the book
SITE_HEADS = (
    ("Home | About | Contact | Log in",),
    ("Skip to main content", "Home > Books > {title}"),
    ("Home", "About us", "Blog", "Contact", "Log in"),
    ("We use cookies to improve your experience. Accept all cookies",),
    ("Please enable JavaScript to view this page.",),
    ("Posted by admin on May 3, 2019",),
    ("Search", "Menu", "Sign in"),
)
SITE_LINES = (
    "Share this page on Facebook | Twitter | Email",
    "Click here to subscribe to our newsletter!",
    "Sign up for free updates and never miss a story.",
    "Advertisement",
    "Read more: 10 books that you must read this summer",
    "Follow us on Instagram and Facebook",
    "Download our app to read offline",
    "This site uses cookies. By continuing to browse you agree to our use of cookies.",
    "Related articles",
    "Sponsored content",
    "You may also like",
    "Subscribe now for $1 a month",
    "Loading more stories...",
    "12 comments",
)
SITE_FEET = (
    ("Privacy Policy | Terms of Use | Cookie Settings", "Copyright (c) 2021 Bookish.example. All rights reserved."),
    ("© 2021 Bookish. All rights reserved.", "Powered by Inkpress"),
    ("Back to top | Previous | Next",),
    ("Leave a comment", "Your email address will not be published. Required fields are marked *"),
    ("Tags: books, classics, free reading", "Filed under: Novels"),
    ("« Previous chapter | Next chapter »", "Print this page"),
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
LONG_HEADER = """{title}, by {author}

This eBook is for the use of anyone anywhere at no cost and with
almost no restrictions whatsoever.  You may copy it, give it away or
re-use it under the terms of the Open Shelf License included
with this eBook or online at www.openshelf.example


Title: {title}

Author: {author}

Posting Date: {month} 25, {year} [EBook #{number}]

Character set encoding: UTF-8

*** START OF THIS OPEN SHELF EBOOK
{capitals} ***




Produced by Martha Holloway and the Distributed Readers of
the Open Shelf



"""
LONG_FOOTER = """


End of the Open Shelf EBook of {title}, by {author}

*** END OF THIS OPEN SHELF EBOOK {capitals} ***

***** This file should be named {number}-0.txt or {number}-0.zip *****

Updated editions will replace the previous one--the old editions
will be renamed.

*** START: FULL LICENSE ***

Section 1.  General Terms of Use and Redistributing Open Shelf
electronic works

1.A.  By reading or using any part of this Open Shelf electronic
work, you indicate that you have read, understand, agree to and accept
all the terms of this license and intellectual property
(trademark/copyright) agreement.

Write to license@openshelf.example or call (801) 555-0187."""
SMALL_PRINT = """Open Shelf Etext of {title}, by {author}

Copyright laws are changing all over the world, be sure to check
the copyright laws for your country before posting these files!!

**Welcome To The World of Free Plain Vanilla Electronic Texts**

{title}

by {author}

{month}, {year}  [Etext #{number}]

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?  You know: lawyers.
They tell us you might sue us if there is something wrong with
your copy of this etext, even if you got it for free from
someone other than us.

*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*"""
SMALL_FOOTER = "End of the Open Shelf Etext of {title}, by {author}"
SCAN = """This is a digital copy of a book that was preserved for generations on library shelves before it was carefully scanned as part of
a project to make the world's books discoverable online.

It has survived long enough for the copyright to expire and the book to enter the public domain.

Usage guidelines

We are proud to partner with libraries to digitize public domain materials and make them widely accessible. We also ask that you make
non-commercial use of the files, refrain from automated querying and keep the attribution.

You can search through the full text of this book on the web at http://books.openshelf.example/"""
COMMONS = """This work is licensed under a Creative Commons Attribution-ShareAlike 4.0 International License. To view a copy of this
license, visit http://creativecommons.example/licenses/by-sa/4.0/

{title} by {author} was first published in {year}. The text of this edition is in the public domain in most countries."""
LICENCES = ((HEADER, FOOTER), (LONG_HEADER, LONG_FOOTER), (SMALL_PRINT, SMALL_FOOTER), (SCAN, ""), ("", COMMONS))
MONTHS = ("January", "March", "June", "September", "November")

CP1252 = [bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte)) for byte in range(256)]


def boilerplate(lines: Sequence[str], title: str, rng: Rng) -> list[str]:
    """Add the head and foot of a site, and lines between paragraphs."""
    head = [line.format(title=title) for line in rng.choice(SITE_HEADS)]
    foot = [line.format(title=title) for line in rng.choice(SITE_FEET)]
    apart = rng() < 0.5  # menus: lines of a block, or separate blocks
    around = [[one for line in block for one in ((line, "") if apart else (line,))] for block in (head, foot)]
    site = list(lines)
    for _ in range(rng.between((3, 8))):
        gaps = [place for place, line in enumerate(site) if not line]
        if gaps:
            place = rng.choice(gaps)
            site[place:place] = ["", rng.choice(SITE_LINES), ""]
    return [*around[0], "", *site, "", *around[1]]


def licence(text: str, title: str, author: str, rng: Rng) -> str:
    """Add a header and a footer, or one of them."""
    names = {"title": title, "author": author, "capitals": title.upper(), "month": rng.choice(MONTHS)}
    names |= {"year": str(rng.between((1995, 2023))), "number": str(rng.between((1000, 69999)))}
    header, footer = rng.choice(LICENCES)
    return "\n\n".join(part for part in (header.format(**names), text, footer.format(**names)) if part)


def encoding(text: str, rng: Rng) -> str:
    """The text in a wrong encoding, all of it or some paragraphs."""
    manner = rng.below(5)
    if manner == 4 and _is_western(text):
        return text.encode("cp1252").decode("latin-1")
    if manner == 3:
        blocks = [block if block.isascii() or rng() < 0.5 else misread(block) for block in text.split("\n\n")]
        return "\n\n".join(blocks)
    if manner == 2:
        return text.encode().decode("latin-1")
    return misread(misread(text)) if manner == 1 else misread(text)


def misread(text: str) -> str:
    """UTF-8 bytes decoded as Windows-1252; undefined bytes keep their number, as in browsers."""
    return "".join(CP1252[byte] for byte in text.encode())


def _is_western(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
