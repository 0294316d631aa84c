"""Numbers are read as people read them."""

from pipeline.report.figures import fixed, large, number, share, size, text


def test_numbers_keep_three_digits() -> None:
    assert [number(value) for value in (1234567, 0.123456, 12.3456, 123.456, 1234.5, 999.6, 0.0, 0.00001234, -0.5)] == [
        "1,234,567", "0.123", "12.346", "123", "1,234", "1,000", "0", "1.2e-05", "-0.5",
    ]  # fmt: skip


def test_an_absent_number_is_a_dash() -> None:
    assert {number(None), fixed(None), share(None), size(None), large(None), text(None)} == {"–"}


def test_sizes_and_counts_have_their_unit() -> None:
    assert [size(value) for value in (999, 1500, 3_640_157, 123_456_789)] == ["999 B", "1.5 kB", "3.64 MB", "123 MB"]
    assert [large(value) for value in (950, 99_999, 941_000, 3_012_345)] == ["950", "99,999", "941 k", "3.01 M"]
    assert share(0.9123) == "91.2%"
    assert text(True) == "yes"
