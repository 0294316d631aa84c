"""Read files of many formats, whole or in ranges, as documents; unusable rows go to the quarantine with place and reason."""
