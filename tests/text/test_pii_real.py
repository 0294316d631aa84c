"""False alarms on 20 MB of real text: books that lie beside the checkout, and the code and manuals of what is installed."""

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import md5
from itertools import islice
from pathlib import Path
from sysconfig import get_path

import pytest

from pipeline.text.reading.encoding import decode
from pipeline.text.repair.pii import MASKS

BOOKS = Path(__file__).parents[2].parent / "shared" / "data" / "books"
SIGN = "\x00"
AROUND = 40  # characters by which the text after a value is found again
NUMBERS = {"8015961887", "2122545093"}  # telephones of Project Gutenberg and its lawyer, in the licences of the books


def masked(text: str, kind: str) -> list[str]:
    """What is masked: what lies between the pieces that stay."""
    first, *others = MASKS[kind](text, SIGN)[0].split(SIGN)
    found, at = [], len(first)
    for piece in others:
        after = text.index(piece[:AROUND], at) if piece else len(text)
        found.append(text[at:after])
        at = after + len(piece)
    return found


def installed(suffixes: tuple[str, ...]) -> Iterator[str]:
    """Files of the installed packages in an order of no meaning."""
    files = [path for path in Path(get_path("purelib")).rglob("*") if path.suffix in suffixes and path.is_file()]
    for path in sorted(files, key=lambda path: md5(path.as_posix().encode(), usedforsecurity=False).digest()):
        yield path.read_text("utf-8", "replace")


def up_to(texts: Iterator[str], size: int) -> list[str]:
    """So many texts as have `size` characters."""
    taken, whole = [], 0
    for text in texts:
        taken.append(text)
        whole += len(text)
        if whole >= size:
            break
    return taken


@pytest.mark.shared
@pytest.mark.skipif(not BOOKS.is_dir(), reason="no real books beside the checkout")
def test_in_10_mb_of_books_only_mails_and_telephones_of_their_licences_are_masked() -> None:
    texts = up_to((decode(path.read_bytes())[0] for path in sorted(BOOKS.rglob("*.txt"))), 10_000_000)
    counts = Counter({kind: sum(MASKS[kind](text, SIGN)[1] for text in texts) for kind in MASKS})
    assert +counts == Counter(email=counts["email"], phone=counts["phone"])
    assert {re.sub(r"\D", "", number) for text in texts for number in masked(text, "phone")} <= NUMBERS
    assert all("@" in mail and "." in mail for text in islice(texts, 12) for mail in masked(text, "email"))


def test_in_10_mb_of_code_and_manuals_less_than_one_number_a_mb_is_masked() -> None:
    texts = [*up_to(installed((".py",)), 9_000_000), *up_to(installed((".md", ".rst")), 1_000_000)]
    size = sum(map(len, texts)) / 1_000_000
    counts = {kind: sum(MASKS[kind](text, SIGN)[1] for text in texts) for kind in MASKS}
    assert {kind for kind, count in counts.items() if kind != "email" and count > size} == set(), counts
    assert counts["iban"] + counts["ssn"] + counts["secret"] <= 3, counts
