"""What repeats: documents, paragraphs, long runs of words; in shards, on the disk, in bounded memory."""
