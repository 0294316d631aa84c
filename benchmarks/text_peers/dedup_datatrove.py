"""datatrove: its four MinHash stages, one worker in this process; words are split at white space.

As installed it splits words with spaCy, which costs ten times as much; a tokenizer that splits at white space is handed in by the way that
datatrove has for that.
"""

import logging

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from loguru import logger
from near import BANDS, ROWS, SHINGLE
from white_space import WhiteSpace
from work import folders


def main() -> None:
    """Sign, compare by bucket, cluster, filter."""
    logger.remove()
    logging.disable()
    documents, target = folders()
    config = MinhashConfig(n_grams=SHINGLE, num_buckets=BANDS, hashes_per_bucket=ROWS)
    work = target / "work"
    reader = ParquetReader(str(documents), glob_pattern="*.parquet", read_metadata=False)
    stages = [
        ([reader, MinhashDedupSignature(f"{work}/signatures", config=config, language=WhiteSpace())], 1),
        ([MinhashDedupBuckets(f"{work}/signatures", f"{work}/buckets", config=config)], BANDS),
        ([MinhashDedupCluster(f"{work}/buckets", f"{work}/removed", config=config)], 1),
        ([reader, MinhashDedupFilter(f"{work}/removed"), ParquetWriter(str(target), compression="zstd")], 1),
    ]
    for number, (steps, tasks) in enumerate(stages):
        LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=f"{work}/log{number}").run()


if __name__ == "__main__":
    main()
