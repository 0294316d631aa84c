"""Personal data is masked, and what only looks like it stays."""

import pytest

from pipeline.text.repair.clean import Settings, clean_text
from pipeline.text.repair.pii import MASKS, luhn

MASK: dict[str, str | None] = {name: f"[{name}]" for name in MASKS}


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
            "1573318436154609000",
            "3972320000000",
            "2.5.29.54",
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
        *((f"{word} 203.0.113.1", f"{word} [ip]") for word in ("Server", "proxy server", "Casino", "http://")),
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
        ("inet addr:203.0.113.10 up", "inet addr:[ip] up"),
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


@pytest.mark.timeout(120)  # seconds; what grows with the square of the length takes hours
@pytest.mark.parametrize(
    "unit",
    [
        *("00" + "1" * 33 + " ", "+" + "1" * 33 + " ", "+1 (", "+1 (1", "01 ", "01-", "01 / ", "0151-23456789 1", "(01) ", "0123 45 "),
        *("4111 1111 1111 1111 12/", "4111 ", "1.2.3.4-", "1.2.3.4:", "a:1.2.3.", "::ffff:1.2.3", "a:", "f:1:"),
        *("GB82 ", "GB82WEST", "DE89 3704 0044 0532 0130 ", "123-45-", "ssn ", "ssn 123 45 ", "a(at)", "a (at) b [dot] ", "a@b.c:d/"),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nabcd1234",
            "eyJa1b2c3d4e5.",
            "sk-ab1-",
            "AKIA",
            "ghp_a1",
            "xoxb-1a-",
        ),
    ],
)
def test_no_row_of_digits_takes_for_ever(unit: str) -> None:
    text = unit * ((1 << 20) // len(unit))
    for name, mask in MASKS.items():
        mask(text, f"[{name}]")


@pytest.mark.parametrize(
    "text",
    [
        *("called 1000000 times", "was called 1234567 times", "call 2500000 functions", "called 12345678 other functions", "Call 1000000"),
        *("127.0.0.1", "0.0.0.0", "255.255.255.0", "255.255.255.255", "192.168.0.1", "10.0.0.0/8", "172.16.254.3", "169.254.1.9"),
        *("224.0.0.251", "::1", "fe80::1", "bytes 00 01 02 03 04", "01 02 03 04 05", "::ffff:127.0.0.1", "fd12:3456:789a::1"),
        *(
            "widget==1.2.3.4",
            "widget>=84.12.200.7",
            "widget~=84.12.200.7",
            "firmware 84.12.200.7",
            "build 110.0.5481.177",
            "v110.0.5481.177",
        ),
        *("clause 84.12.20.7", "version = '84.12.200.7'", "oid 43.6.1.4", "release: 91.0.4472.77", "Table 41.2.3.4", "chrome 1.2.3.4"),
        *("git@forge.example:acme/tool.git", "ssh://git@forge.example/acme/tool", "ada@forge.example:/srv/a", "ada@forge.example:~/a"),
        *("icon@2x.png", "getty@tty1.service", "git+ssh://git@forge.example/a", "sat (at) home", "look (at) it."),
        *("000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-45-67890", "1123-45-6789", "123-45-6789-1"),
        *("DE89 3704 0044 0532 0130 01", "GB82 WEST 1234 5698 7654 33", "ZZ89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130"),
        *(
            "AKIA and ghp_ and sk_live_",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIAXXXXXXXXXXXXXXXX",
            "sk-your-api-key-goes-here-and-nowhere-else",
        ),
        *("a line -----BEGIN PRIVATE KEY----- begins it", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----"),
        *("-----BEGIN CERTIFICATE-----\nMIIB1234567890abcdef\n-----END CERTIFICATE-----", "the hash d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_what_is_nobody_s_stays(text: str) -> None:
    assert masked(f"It was {text} then") == f"It was {text} then"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((number, "ssn") for number in ("078-05-1120", "123-45-6789")),
        *((number, "iban") for number in ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "GB82 WEST 1234 5698 7654 32")),
        *((number, "iban") for number in ("FR14 2004 1010 0505 0001 3M02 606", "NO9386011117947", "MT84MALT011000012345MTLCAST001S")),
        *(
            (address, "email")
            for address in ("ada (at) post.example", "ada.marlow[at]post[dot]example", "ada (AT) post (dot) co (dot) example")
        ),
        ("AKIAIOSFODNN7EXAMPLE", "secret"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "secret"),
        ("github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789", "secret"),
        ("glpat-1a2b3c4d5e6f7g8h9i0j", "secret"),
        ("xoxb-123456789012-abcdefGHIJKL1234", "secret"),
        ("sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "secret"),
        ("AIzaSyD4a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p", "secret"),
        ("hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh", "secret"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "secret"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwggSj==\n-----END PRIVATE KEY-----", "secret"),
        ("-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQ\\n-----END RSA PRIVATE KEY-----", "secret"),
        ("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEvQIBADANBgkq\n-----END EC PRIVATE KEY-----", "secret"),
    ],
)
def test_kinds_by_name_become_their_mask_with_and_without_the_prefilter(text: str, kind: str) -> None:
    assert masked(f"For {text}, or {text}.") == f"For [{kind}], or [{kind}]."
    settings = Settings(
        repairs=("mail", "card", "phone", "ip", "ssn", "iban", "secret"), quotes="keep", italics="keep", editorial="keep", mask=MASK
    )
    assert clean_text(f"For {text}.", settings)[0] == f"For [{kind}]."


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("SSN: 123456789", "SSN: [ssn]"),
        ("social security number is 123 45 6789.", "social security number is [ssn]."),
        ("IBAN DE89 3704 0044 0532 0130 00 AND", "IBAN [iban] AND"),
        ("if ip == 203.0.113.7: host=203.0.113.7", "if ip == [ip]: host=[ip]"),
        ("Call 5550132 as soon as you can", "Call [phone] as soon as you can"),
        ("token=ghp_16C7e42F292c6912E7710c838347Ae178B4a;", "token=[secret];"),
        ("ada@post.example: hello", "[email]: hello"),
    ],
)
def test_what_stands_around_a_value_stays(text: str, mended: str) -> None:
    assert masked(text) == mended
