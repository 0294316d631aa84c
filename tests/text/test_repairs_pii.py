"""Personal data is masked, and what only looks like it stays."""

import time

import pytest

from pipeline.text.repair.pii import MASKS, luhn


def masked(text: str) -> str:
    for name, mask in MASKS.items():
        text, _ = mask(text, f"[{name}]")
    return text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ada.marlow@mail.example", "email"),
        ("A.Marlow+books@post.example.org", "email"),
        ("(415) 555-0132", "phone"),
        ("415-555-0132", "phone"),
        ("415.555.0132", "phone"),
        ("+1 415 555 0132", "phone"),
        ("+44 20 7946 0018", "phone"),
        ("+49 30 23125 014", "phone"),
        ("020 7946 0018", "phone"),
        ("01 23 45 67 89", "phone"),
        *(
            (number, "phone")
            for number in (
                *("0049 151 23456789", "00491512345678", "0049-30-123456", "0049 (0)30 123456", "+49 (0)30 / 123456", "+491512345678"),
                *("0151-23456789", "0151 23456789", "0151/23456789", "030-12345678", "030 - 12345678", "089 / 1234567", "(089) 1234567"),
                *("079 123 45 67", "079.123.45.67", "06 12345678", "06-12345678", "03-1234-5678", "02 9374 4000", "(02) 9374 4000"),
                *("0412 345 678", "01632 960 983", "(01632) 960983", "030 / 123 456 78", "0151-234 567 89", "098-765-4321", "04-123 4567"),
            )
        ),
        ("4111 1111 1111 1111", "card"),
        ("4111-1111-1111-1111", "card"),
        ("4111111111111111", "card"),
        ("3782 822463 10005", "card"),
        ("192.0.2.17", "ip"),
        ("::ffff:203.0.113.7", "ip"),
        ("::203.0.113.7", "ip"),
        ("64:ff9b::203.0.113.7", "ip"),
        ("2001:db8::1f", "ip"),
        ("2001:db8:0:3::7", "ip"),
        ("fe80::1ff:fe23:4567:890a", "ip"),
    ],
)
def test_each_value_becomes_its_mask_and_the_sentence_stays(value: str, kind: str) -> None:
    assert masked(f"For {value}, or {value}.") == f"For [{kind}], or [{kind}]."
    assert masked(f"({value})") == f"([{kind}])"


@pytest.mark.parametrize(
    "text",
    [
        *("In 1907", "1907-1911", "$1,250.00", "4539 1488 0343 6468", "version 1.2.3", "10.4", "12:45:30", "03.05.1921", "1921-05-03"),
        *("978-0-306-40615-7", "0-306-40615-2", "12:4", "@ada", "5 @ 2 pence", "300.12.700.4", "version 1.2.3.4", "std::vector", "a::b"),
        *(
            "2010 2011 2012 2013",
            "1, 2, 3, 4, 5, 6, 7, 8",
            "3.14159265358",
            "1234567890",
            "11 22 33 44 55 66",
            "1.2.3.4.5",
            "9780306406157",
        ),
        *("03-05-1921", "01.02.2003", "01/02/2003", "01 02 2003", "01-02-2003-0405", "07.04.1776.1200", "00-12-1999", "01.02.2003 12:30"),
        *("02134-1234", "01234-01245", "0123-0145", "00123-00145", "0028-0836", "01234-56789", "01 1907 1911", "010 020 030 040"),
        *(
            "0.05 0.10 0.15",
            "0.00491512345678",
            "01.23456789",
            "06.12345678",
            "0:45:30",
            "00:45:30",
            "0/306",
            "0306406152",
            "0 306 40615 2",
        ),
        *("0012345678", "00 12 34 56", "00049151234", "007", "1 0151-23456789", "$0151 2345678", "05/1921", "03-05 1921", "01-31"),
        *("4111 1111 1111 1111 2222 3333", "4111 1111 1111 1111 123 456 789", "2010 2011 2012 2013 2014", "2010 2011 2012 2013 201"),
        *("4539 1488 0343 6468 12/27", "1:1.2.3.4", "version:1.2.3.4", "v.1.2.3.4", "1.2.3.4-5", "1.2.3.4-beta", "std::vec::1", "10::20"),
    ],
)
def test_what_only_looks_private_stays(text: str) -> None:
    assert masked(f"It was {text} then.") == f"It was {text} then."


def test_a_number_after_the_word_phone_is_one() -> None:
    assert masked("Call 555-0132 or phone: 4155550132.") == "Call [phone] or phone: [phone]."


def test_the_check_digit_is_luhns() -> None:
    assert luhn("79927398713")
    assert not luhn("79927398710")


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        *((f"{word} 192.168.0.1", f"{word} [ip]") for word in ("Server", "proxy server", "Casino", "http://")),
        *((text, text) for text in ("§1.2.3.4", "§ 1.2.3.4", "Firefox/1.2.3.4", "ver. 1.2.3.4", "Call 1066 1215 1485")),
        ("The text 12345678 is an id", "The text 12345678 is an id"),
        ("jürgen.müller@web.de", "[email]"),
        ("mail('ada@post.example')", "mail('[email]')"),
        ("o'hara@post.example", "[email]"),
        ("fax (555-2428)", "fax ([phone])"),
        ("Text 555-2428", "Text [phone]"),
    ],
)
def test_the_words_around_a_number_decide_by_whole_words(text: str, mended: str) -> None:
    assert masked(text) == mended


@pytest.mark.parametrize("tail", ["12/27", "123", "12/2027", "12-27", "12/27 123", "123 12/27"])
@pytest.mark.parametrize("number", ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111", "3782 822463 10005"])
def test_a_card_is_masked_before_its_expiry_and_the_digits_of_its_back(number: str, tail: str) -> None:
    assert masked(f"Card {number} {tail}, or {number} {tail}.") == f"Card [card] {tail}, or [card] {tail}."


def test_the_four_digits_beside_a_card_of_fifteen_are_no_group_of_it() -> None:
    assert masked("3782 822463 10005 1234") == "[card] 1234"


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("inet addr:192.168.1.10 up", "inet addr:[ip] up"),
        ("IP:203.0.113.7, IP: 203.0.113.7", "IP:[ip], IP: [ip]"),
        ("from 203.0.113.7-203.0.113.9 on", "from [ip]-[ip] on"),
        ("addr:2001:db8::1f up", "addr:[ip] up"),
        ("[::ffff:203.0.113.7]:8080", "[[ip]]:8080"),
        ("203.0.113.7:8080 and 203.0.113.0/24", "[ip]:8080 and [ip]/24"),
        ("face:203.0.113.7", "face:[ip]"),
    ],
)
def test_ip_addresses_are_masked_whole(text: str, mended: str) -> None:
    assert masked(text) == mended


@pytest.mark.parametrize(
    "unit",
    [
        *("00" + "1" * 33 + " ", "+" + "1" * 33 + " ", "+1 (", "+1 (1", "01 ", "01-", "01 / ", "0151-23456789 1", "(01) ", "0123 45 "),
        *("4111 1111 1111 1111 12/", "4111 ", "1.2.3.4-", "1.2.3.4:", "a:1.2.3.", "::ffff:1.2.3", "a:", "f:1:"),
    ],
)
def test_no_row_of_digits_takes_long(unit: str) -> None:
    text = unit * ((1 << 20) // len(unit))
    for name, mask in MASKS.items():
        started = time.process_time()
        mask(text, f"[{name}]")
        assert time.process_time() - started < 2, name  # seconds
