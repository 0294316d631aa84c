"""Files of many kinds, whole or in ranges, as documents; what can't be used goes to the quarantine with its place and reason."""
