"""Duplicate documents, paragraphs and long spans of words: found in shards, on disk, in bounded memory."""
