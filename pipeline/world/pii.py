"""What is private: mail addresses, telephone numbers, cards, addresses of machines; and numbers that only look so.

Perfect cleaning puts a mask in the place of the value and leaves the sentence. Most values are of ranges that are kept
free for examples.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log2

from pipeline.world.books import Dice
from pipeline.world.pieces import Piece, plain

PRIVATE = ("mail", "phone", "card", "ip")
# no value ends a paragraph: its last line could be taken for a page's number
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


def private(kind: str, people: Sequence[str], dice: Dice) -> Piece:
    """A paragraph of two sentences: one with a value or two of the kind, and one with a number that looks like something private."""
    templates = SENTENCES[kind]
    template, who = dice.one(templates), dice.one(people)
    bits = log2(len(templates)) + (log2(len(people)) if "{who}" in template else 0.0)
    pieces = template.replace("{who}", who).split("{value}")
    printed = pieces[0] + "".join(VALUES[kind](dice) + piece for piece in pieces[1:])
    alike, cost = lookalike(people, dice)
    return Piece(f"{f'[{kind}]'.join(pieces)} {alike}", f"{printed} {alike}", bits + cost)


def lookalike(people: Sequence[str], dice: Dice) -> tuple[str, float]:
    """A sentence with a number that is nothing private, and its bits: log2 of the number of such sentences, all equally likely a kind."""
    text, choices = LOOKALIKES[dice.below(len(LOOKALIKES))](people, dice)
    return text, log2(len(LOOKALIKES)) + log2(choices)


def lookalikes(people: Sequence[str], dice: Dice) -> Piece:
    """A paragraph of three sentences with nothing private in it."""
    drawn = [lookalike(people, dice) for _ in range(3)]
    return plain(" ".join(text for text, _ in drawn), sum(bits for _, bits in drawn))


def luhn(digits: str) -> str:
    """The check digit that belongs behind the digits (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return str(-sum(number // 10 + number % 10 for number in doubled) % 10)


def _mail(dice: Dice) -> str:
    first, last = dice.one(("ada", "bo", "edith", "hugh", "clara", "w")), dice.one(("marlow", "finch", "hollis", "vance"))
    name = dice.one(
        (f"{first}.{last}", f"{first}_{last}", f"{first[0].upper()}.{last.capitalize()}+books", f"{last}{dice.between((1, 99))}")
    )
    address = f"{name}@{dice.one(HOSTS)}"
    return address.upper() if dice() < 0.1 else address


def _phone(dice: Dice) -> str:
    area, line = dice.between((201, 989)), f"{dice.between((100, 199)):04}"
    return dice.one(
        (
            f"({area}) 555-{line}",
            f"{area}-555-{line}",
            f"{area}.555.{line}",
            f"+1 {area} 555 {line}",
            f"+44 20 7946 0{dice.between((100, 999))}",
            f"+49 30 23125 {dice.between((100, 999))}",
        ),
    )


def _card(dice: Dice) -> str:
    start, count = dice.one((("4", 16), ("51", 16), ("55", 16), ("37", 15), ("6011", 16), ("4", 13)))
    digits = start + "".join(str(dice.below(10)) for _ in range(count - 1 - len(start)))
    digits += luhn(digits)
    groups = {13: (4, 3, 3, 3), 15: (4, 6, 5), 16: (4, 4, 4, 4)}[count]
    ends = [sum(groups[:place]) for place in range(len(groups) + 1)]
    return dice.one((" ", "-", "")).join(digits[start:end] for start, end in pairwise(ends))


def _ip(dice: Dice) -> str:
    last = dice.between((1, 254))
    four = (
        f"192.0.2.{last}",
        f"198.51.100.{last}",
        f"203.0.113.{last}",
        f"10.{dice.below(256)}.{dice.below(256)}.{last}",
        f"192.168.1.{last}",
    )
    six = (f"2001:db8::{last:x}", f"2001:db8:0:{dice.below(10)}::{last:x}", f"2001:db8:85a3:0:0:8a2e:370:7{last:03x}")
    return dice.one(four if dice() < 0.6 else six)


VALUES: dict[str, Callable[[Dice], str]] = {"mail": _mail, "phone": _phone, "card": _card, "ip": _ip}
Drawn = tuple[str, float]  # a sentence, and among how many it was chosen


def _year(people: Sequence[str], dice: Dice) -> Drawn:
    return f"In {dice.between((1700, 1999))} the house was new.", 300


def _years(people: Sequence[str], dice: Dice) -> Drawn:
    year = dice.between((1700, 1979))
    return f"The years {year}-{year + dice.between((1, 20))} were good years.", 280 * 20


def _price(people: Sequence[str], dice: Dice) -> Drawn:
    return f"It cost ${dice.between((1, 9))},{dice.between((100, 999))}.{dice.between((10, 99))} at the market.", 9 * 900 * 90


def _serial(people: Sequence[str], dice: Dice) -> Drawn:
    """Sixteen digits whose check digit is wrong."""
    digits = str(dice.between((1, 9))) + "".join(str(dice.below(10)) for _ in range(14))
    digits += str((int(luhn(digits)) + dice.between((1, 9))) % 10)
    grouped = " ".join(digits[start : start + 4] for start in range(0, 16, 4))
    return f"The chest had the number {dice.one((digits, grouped))} on its back.", 9 * 10**14 * 9 * 2


def _version(people: Sequence[str], dice: Dice) -> Drawn:
    number = f"{dice.between((1, 9))}.{dice.below(20)}.{dice.below(10)}"
    return f"{dice.one(people)} read version {number} of the recipe.", len(people) * 9 * 20 * 10


def _time(people: Sequence[str], dice: Dice) -> Drawn:
    return f"At {dice.below(24):02}:{dice.below(60):02}:{dice.below(60):02} the clock stopped.", 24 * 60 * 60


def _date(people: Sequence[str], dice: Dice) -> Drawn:
    day, month, year = dice.between((1, 28)), dice.between((1, 12)), dice.between((1800, 1999))
    date = dice.one((f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}"))
    return f"The letter of {date} was lost.", 28 * 12 * 200 * 2


def _book(people: Sequence[str], dice: Dice) -> Drawn:
    return f"A book with the number {dice.one(BOOK_NUMBERS)} lay on the table.", len(BOOK_NUMBERS)


def _verse(people: Sequence[str], dice: Dice) -> Drawn:
    return f"The priest read {dice.between((1, 50))}:{dice.between((1, 40))} in the church.", 50 * 40


def _sale(people: Sequence[str], dice: Dice) -> Drawn:
    return f"The sign said {dice.between((2, 9))} @ {dice.between((2, 90))} pence.", 8 * 89


def _handle(people: Sequence[str], dice: Dice) -> Drawn:
    return f"The wall said @{dice.one(people).lower()} in red paint.", len(people)


def _lock(people: Sequence[str], dice: Dice) -> Drawn:
    return f"The lock opened at {'.'.join(str(dice.between((256, 999))) for _ in range(4))} and at nothing else.", 744**4


LOOKALIKES: tuple[Callable[[Sequence[str], Dice], Drawn], ...] = (
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
