"""Personal data: email addresses, phone numbers, card numbers, IP addresses; and numbers that only look like it.

Perfect cleaning replaces the value by a mask. Most values are from ranges reserved for examples.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log2

from pipeline.world.books import Rng
from pipeline.world.paragraphs import ParagraphText, without_pii

PII_KINDS = ("mail", "phone", "card", "ip")
# no value ends a paragraph: its last line could look like a page number
SENTENCES = {
    "mail": (
        "{who} wrote to {value} and waited for an answer.",
        "The paper on the door said {value}.",
        "Send the letter for {who} to {value}, or to {value} before the night.",
        "For the key of the house {who} asked {value}.",
    ),
    "phone": (
        "{who} called {value} in the evening.",
        "The number of {who} is {value}.",
        "For the boat call {value} or {value} before noon.",
        "Nobody answered at {value}, and {who} went home.",
    ),
    "card": (
        "{who} paid for the horse with the card {value} and went home.",
        "The number on the card of {who} was {value}.",
        "The clerk wrote {value} into the book and thanked {who}.",
        "One card was {value}, the other was {value}.",
    ),
    "ip": (
        "The machine in the cellar of {who} answered from {value}.",
        "{who} found {value} in the list of the guests.",
        "The message went from {value} to {value} in a moment.",
        "At {value} there was a picture of {who}.",
    ),
}
HOSTS = ("mail.example", "post.example.org", "letters.example.com", "inn.example.net", "books.co.example")
BOOK_NUMBERS = ("978-0-306-40615-7", "978-1-86197-271-2", "978-3-16-148410-0", "0-306-40615-2", "0-14-020652-3", "3-598-21508-8")


def pii_paragraph(kind: str, people: Sequence[str], rng: Rng) -> ParagraphText:
    """A paragraph of two sentences: one with values of the kind, and one with a lookalike number."""
    templates = SENTENCES[kind]
    template, who = rng.choice(templates), rng.choice(people)
    bits = log2(len(templates)) + (log2(len(people)) if "{who}" in template else 0.0)
    pieces = template.replace("{who}", who).split("{value}")
    raw = pieces[0] + "".join(VALUES[kind](rng) + piece for piece in pieces[1:])
    alike, cost = lookalike_sentence(people, rng)
    return ParagraphText(f"{f'[{kind}]'.join(pieces)} {alike}", f"{raw} {alike}", bits + cost)


def lookalike_sentence(people: Sequence[str], rng: Rng) -> tuple[str, float]:
    """A sentence with a number that is no personal data, and its bits: log2 of the number of such sentences, equally likely per kind."""
    text, choices = LOOKALIKES[rng.below(len(LOOKALIKES))](people, rng)
    return text, log2(len(LOOKALIKES)) + log2(choices)


def lookalike_paragraph(people: Sequence[str], rng: Rng) -> ParagraphText:
    """A paragraph of three sentences with lookalikes only."""
    drawn = [lookalike_sentence(people, rng) for _ in range(3)]
    return without_pii(" ".join(text for text, _ in drawn), sum(bits for _, bits in drawn))


def luhn(digits: str) -> str:
    """The check digit for the digits (ISO/IEC 7812-1)."""
    duplicate_pages = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return str(-sum(number // 10 + number % 10 for number in duplicate_pages) % 10)


def _mail(rng: Rng) -> str:
    first, last = rng.choice(("ada", "bo", "edith", "hugh", "clara", "w")), rng.choice(("marlow", "finch", "hollis", "vance"))
    name = rng.choice(
        (f"{first}.{last}", f"{first}_{last}", f"{first[0].upper()}.{last.capitalize()}+books", f"{last}{rng.between((1, 99))}")
    )
    address = f"{name}@{rng.choice(HOSTS)}"
    return address.upper() if rng() < 0.1 else address


def _phone(rng: Rng) -> str:
    area, line = rng.between((201, 989)), f"{rng.between((100, 199)):04}"
    return rng.choice(
        (
            f"({area}) 555-{line}",
            f"{area}-555-{line}",
            f"{area}.555.{line}",
            f"+1 {area} 555 {line}",
            f"+44 20 7946 0{rng.between((100, 999))}",
            f"+49 30 23125 {rng.between((100, 999))}",
        ),
    )


def _card(rng: Rng) -> str:
    start, count = rng.choice((("4", 16), ("51", 16), ("55", 16), ("37", 15), ("6011", 16), ("4", 13)))
    digits = start + "".join(str(rng.below(10)) for _ in range(count - 1 - len(start)))
    digits += luhn(digits)
    groups = {13: (4, 3, 3, 3), 15: (4, 6, 5), 16: (4, 4, 4, 4)}[count]
    ends = [sum(groups[:place]) for place in range(len(groups) + 1)]
    return rng.choice((" ", "-", "")).join(digits[start:end] for start, end in pairwise(ends))


def _ip(rng: Rng) -> str:
    last = rng.between((1, 254))
    four = (
        f"192.0.2.{last}",
        f"198.51.100.{last}",
        f"203.0.113.{last}",
        f"44.{rng.below(256)}.{rng.below(256)}.{last}",
        f"198.18.10.{last}",
    )
    six = (f"2001:db8::{last:x}", f"2001:db8:0:{rng.below(10)}::{last:x}", f"2001:db8:85a3:0:0:8a2e:370:7{last:03x}")
    return rng.choice(four if rng() < 0.6 else six)


VALUES: dict[str, Callable[[Rng], str]] = {"mail": _mail, "phone": _phone, "card": _card, "ip": _ip}
Drawn = tuple[str, float]  # a sentence, and the number of alternatives


def _year(people: Sequence[str], rng: Rng) -> Drawn:
    return f"In {rng.between((1700, 1999))} the house was new.", 300


def _years(people: Sequence[str], rng: Rng) -> Drawn:
    year = rng.between((1700, 1979))
    return f"The years {year}-{year + rng.between((1, 20))} were good years.", 280 * 20


def _price(people: Sequence[str], rng: Rng) -> Drawn:
    return f"It cost ${rng.between((1, 9))},{rng.between((100, 999))}.{rng.between((10, 99))} at the market.", 9 * 900 * 90


def _serial(people: Sequence[str], rng: Rng) -> Drawn:
    """Sixteen digits whose check digit is wrong."""
    digits = str(rng.between((1, 9))) + "".join(str(rng.below(10)) for _ in range(14))
    digits += str((int(luhn(digits)) + rng.between((1, 9))) % 10)
    grouped = " ".join(digits[start : start + 4] for start in range(0, 16, 4))
    return f"The chest had the number {rng.choice((digits, grouped))} on its back.", 9 * 10**14 * 9 * 2


def _version(people: Sequence[str], rng: Rng) -> Drawn:
    number = f"{rng.between((1, 9))}.{rng.below(20)}.{rng.below(10)}"
    return f"{rng.choice(people)} read version {number} of the recipe.", len(people) * 9 * 20 * 10


def _time(people: Sequence[str], rng: Rng) -> Drawn:
    return f"At {rng.below(24):02}:{rng.below(60):02}:{rng.below(60):02} the clock stopped.", 24 * 60 * 60


def _date(people: Sequence[str], rng: Rng) -> Drawn:
    day, month, year = rng.between((1, 28)), rng.between((1, 12)), rng.between((1800, 1999))
    date = rng.choice((f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}"))
    return f"The letter of {date} was lost.", 28 * 12 * 200 * 2


def _book(people: Sequence[str], rng: Rng) -> Drawn:
    return f"A book with the number {rng.choice(BOOK_NUMBERS)} lay on the table.", len(BOOK_NUMBERS)


def _verse(people: Sequence[str], rng: Rng) -> Drawn:
    return f"The priest read {rng.between((1, 50))}:{rng.between((1, 40))} in the church.", 50 * 40


def _sale(people: Sequence[str], rng: Rng) -> Drawn:
    return f"The sign said {rng.between((2, 9))} @ {rng.between((2, 90))} pence.", 8 * 89


def _handle(people: Sequence[str], rng: Rng) -> Drawn:
    return f"The wall said @{rng.choice(people).lower()} in red paint.", len(people)


def _lock(people: Sequence[str], rng: Rng) -> Drawn:
    return f"The lock opened at {'.'.join(str(rng.between((256, 999))) for _ in range(4))} and at nothing else.", 744**4


LOOKALIKES: tuple[Callable[[Sequence[str], Rng], Drawn], ...] = (
    _year,
    _years,
    _price,
    _serial,
    _version,
    _time,
    _date,
    _book,
    _verse,
    _sale,
    _handle,
    _lock,
)
