"""rensa: RMinHash signatures in one batch a file and its LSH index, then the first document of each component.

Its duplicate flags mark every member of a cluster, so the candidates are asked for. Full-set R-MinHash: its faster sampling ("rho") depends
on the order of the words.
"""

from near import BANDS, FUNCTIONS, Components, shingles, write
from rensa import RMinHash, RMinHashLSH
from work import folders, tables


def main() -> None:
    """Read, sign, insert, query, write."""
    documents, target = folders()
    lsh = RMinHashLSH(threshold=0.8, num_perm=FUNCTIONS, num_bands=BANDS)
    signed: list[RMinHash] = []
    for table in tables(documents):
        batch = RMinHash.from_token_sets([shingles(text) for text in table["text"].to_pylist()], num_perm=FUNCTIONS, seed=1)
        lsh.insert_many(batch, start_key=len(signed))
        signed += batch
    found = Components(len(signed))
    for place, others in enumerate(lsh.query_all(signed)):
        for other in others:
            found.join(place, other)
    write(target, tables(documents), found.kept())


if __name__ == "__main__":
    main()
