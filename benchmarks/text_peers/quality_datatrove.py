"""datatrove: the Gopher quality, Gopher repetition, C4 and FineWeb filters over the same documents, words split at white space.

Every filter sees every document; a filter stops at the first rule that a document breaks, so not all statistics are computed.
"""

import logging
import time

from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from loguru import logger
from white_space import WhiteSpace
from work import FEW, folders, report, sample


def main() -> None:
    """Filter by filter, after a first run over a few documents."""
    logger.remove()
    logging.disable()
    documents, _ = folders()
    texts = sample(documents)
    words = WhiteSpace()
    filters = [filter_(language=words) for filter_ in (GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter, FineWebQualityFilter)]
    parts = {}
    for one in filters:
        for text in texts[:FEW]:
            one.filter(Document(text=text, id=""))
        started = time.process_time()
        for text in texts:
            one.filter(Document(text=text, id=""))
        parts[type(one).__name__] = time.process_time() - started
    report(sum(len(text.encode()) for text in texts), sum(parts.values()), parts=parts)


if __name__ == "__main__":
    main()
