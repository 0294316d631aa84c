"""datatrove: JsonlReader, a document at a time."""

import logging
import time

from datatrove.pipeline.readers import JsonlReader
from loguru import logger
from work import lines, report

if __name__ == "__main__":
    logger.remove()
    logging.disable()
    path, few = lines()
    first, reader = (JsonlReader(str(one.parent), glob_pattern=one.name) for one in (few, path))
    assert list(first())
    started = time.process_time()
    count = sum(1 for _ in reader())
    report(path.stat().st_size, time.process_time() - started, documents=count)
