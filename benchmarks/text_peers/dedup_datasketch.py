"""datasketch: MinHash.generator and MinHashLSH, then the first document of each component. A third argument names xxhash for its SHA-1."""

import sys

from datasketch import MinHash, MinHashLSH
from datasketch.hashfunc import sha1_hash32
from near import BANDS, FUNCTIONS, ROWS, Components, shingles, write
from work import folders, tables
from xxhash import xxh32_intdigest

HASHES = {"sha1": sha1_hash32, "xxhash": xxh32_intdigest}


def main() -> None:
    """Read, sign, query and insert one after the other, write."""
    documents, target = folders()
    hashed = HASHES[sys.argv[3]]
    lsh = MinHashLSH(num_perm=FUNCTIONS, params=(BANDS, ROWS))
    pairs, count = [], 0
    for table in tables(documents):
        texts = ([one.encode() for one in shingles(text)] for text in table["text"].to_pylist())
        for minhash in MinHash.generator(texts, num_perm=FUNCTIONS, hashfunc=hashed):
            pairs += [(count, other) for other in lsh.query(minhash)]
            lsh.insert(count, minhash, check_duplication=False)
            count += 1
    found = Components(count)
    for left, right in pairs:
        found.join(left, right)
    write(target, tables(documents), found.kept())


if __name__ == "__main__":
    main()
