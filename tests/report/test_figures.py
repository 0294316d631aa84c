"""Numbers are read as people read them."""

from pipeline.report.figures import fixed, large, number, share, size, text


def test_numbers_keep_the_digits_that_tell() -> None:
    assert [number(value) for value in (1234567, 0.123456, 12.3456, 123.456, 1234.5, 999.6, 0.0, 0.003526, 0.00001234, -0.5)] == [
        "1,234,567", "0.123", "12.3", "123", "1,234", "1,000", "0", "0.00353", "1.2e-05", "-0.5",
    ]  # fmt: skip


def test_an_absent_number_is_a_dash() -> None:
    assert {number(None), fixed(None), share(None), size(None), large(None), text(None)} == {"–"}


def test_sizes_and_counts_have_their_unit() -> None:
    assert [size(value) for value in (999, 1500, 3_640_157, 123_456_789)] == ["999 B", "1.5 kB", "3.64 MB", "123 MB"]
    assert [large(value) for value in (950, 99_999, 941_000, 3_012_345)] == ["950", "99,999", "941 k", "3.01 M"]
    assert [large(value) for value in (1.08e13, 6e15, 3.51e21)] == ["10.8 T", "6 P", "3.51e+21"]
    assert [fixed(value) for value in (0.0926, -4.55, 12.868, 224.6071, 1306.2)] == ["0.093", "-4.550", "12.9", "224.6", "1,306"]
    assert share(0.9123) == "91.2%"
    assert text(True) == "yes"
