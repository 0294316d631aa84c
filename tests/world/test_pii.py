"""What is private is masked by perfect cleaning; what only looks so stays."""

import ipaddress
import math
import re

import pytest

from pipeline.core.seed import stream
from pipeline.world.books import Rng
from pipeline.world.pii import BOOK_NUMBERS, LOOKALIKES, PII_KINDS, SENTENCES, VALUES, lookalike_sentence, luhn, pii_paragraph

PEOPLE = ("Ada", "Bo", "Cora", "Dan")
TIMES = 200


def is_card(number: str) -> bool:
    """Luhn's check by its textbook."""
    digits = [int(digit) for digit in re.sub(r"\D", "", number)][::-1]
    return len(digits) >= 13 and (sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


@pytest.mark.parametrize("kind", PII_KINDS)
def test_the_mask_stands_where_the_values_stood(kind: str) -> None:
    rng = Rng(stream(1, kind))
    for _ in range(TIMES):
        piece = pii_paragraph(kind, PEOPLE, rng)
        shape = re.escape(piece.clean).replace(re.escape(f"[{kind}]"), r"(\S.{5,40}?)")
        match = re.fullmatch(shape, piece.raw)
        assert match
        assert match.groups()
        assert all(re.search(r"\d|@", value) for value in match.groups())
        assert piece.bits > math.log2(len(SENTENCES[kind])) + math.log2(len(LOOKALIKES))


def test_cards_have_the_right_check_digit_and_addresses_are_addresses() -> None:
    rng = Rng(stream(2, "values"))
    for _ in range(TIMES):
        assert is_card(VALUES["card"](rng))
        assert ipaddress.ip_address(VALUES["ip"](rng))
        assert re.fullmatch(r"[\w.+]+@[\w.]+\.(?:example|org|com|net)", VALUES["mail"](rng), re.IGNORECASE)
        assert 8 <= len(re.sub(r"\D", "", VALUES["phone"](rng))) <= 12


def test_the_check_digit_is_that_of_the_textbook() -> None:
    assert luhn("7992739871") == "3"
    assert is_card("4111 1111 1111 1111")


def test_what_looks_private_is_not() -> None:
    rng = Rng(stream(3, "alike"))
    for _ in range(10 * TIMES):
        text, bits = lookalike_sentence(PEOPLE, rng)
        assert bits >= math.log2(len(LOOKALIKES))
        assert not re.search(r"\w@\w", text)
        assert not any(is_card(number) for number in re.findall(r"\d[\d -]{11,}\d", text))
        assert not any(max(map(int, number.split("."))) < 256 for number in re.findall(r"\d+(?:\.\d+){3}", text))
        assert not re.search(r"\d\.$", text)  # a last line of its own could be a page's number


def test_book_numbers_are_valid_and_no_cards() -> None:
    for number in BOOK_NUMBERS:
        digits = [int(digit) for digit in number.replace("-", "")]
        if len(digits) == 10:
            assert sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True)) % 11 == 0
        else:
            assert (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0
            assert not is_card(number)
