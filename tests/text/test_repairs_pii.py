"""Personal data is masked, and what only looks like it stays."""

import pytest

from pipeline.text.repair.pii import MASKED, luhn


def masked(text: str) -> str:
    for name, mask in MASKED.items():
        text, _ = mask(text, f"[{name}]")
    return text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ada.marlow@mail.example", "mail"),
        ("A.Marlow+books@post.example.org", "mail"),
        ("(415) 555-0132", "phone"),
        ("415-555-0132", "phone"),
        ("415.555.0132", "phone"),
        ("+1 415 555 0132", "phone"),
        ("+44 20 7946 0018", "phone"),
        ("+49 30 23125 014", "phone"),
        ("020 7946 0018", "phone"),
        ("01 23 45 67 89", "phone"),
        ("4111 1111 1111 1111", "card"),
        ("4111-1111-1111-1111", "card"),
        ("4111111111111111", "card"),
        ("3782 822463 10005", "card"),
        ("192.0.2.17", "ip"),
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
        ("jürgen.müller@web.de", "[mail]"),
        ("mail('ada@post.example')", "mail('[mail]')"),
        ("o'hara@post.example", "[mail]"),
        ("fax (555-2428)", "fax ([phone])"),
        ("Text 555-2428", "Text [phone]"),
    ],
)
def test_the_words_around_a_number_decide_by_whole_words(text: str, mended: str) -> None:
    assert masked(text) == mended
