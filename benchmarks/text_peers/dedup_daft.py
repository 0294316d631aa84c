"""Daft: normalize and minhash in Rust, then bands and components in numpy; Daft reads and writes the Parquet files."""

import daft
import numpy as np
from daft import col
from near import FUNCTIONS, SHINGLE, joined_bands
from work import folders


def main() -> None:
    """Read, sign, cluster, filter, write."""
    documents, target = folders()
    table = daft.read_parquet(f"{documents}/*.parquet").select("id", "text")
    words = col("text").normalize(remove_punct=True, lowercase=True, white_space=True)
    signed = table.select(col("id"), words.minhash(num_hashes=FUNCTIONS, ngram_size=SHINGLE, hash_function="xxhash").alias("signature"))
    signed = signed.to_arrow().sort_by("id")  # row order is not kept
    signatures = np.asarray(signed["signature"].combine_chunks().flatten()).reshape(-1, FUNCTIONS)
    kept = joined_bands(signatures).kept()
    survivors = daft.from_arrow(signed.select(["id"]).filter(kept))
    table.join(survivors, on="id", how="semi").write_parquet(str(target), compression="zstd")


if __name__ == "__main__":
    main()
