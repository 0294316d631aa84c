"""Tokens at any size: so many million tokens through tokenize, then read in the order of pretraining; the peak memory of each.

python -m benchmarks.token_shards [--millions 200]

The text is words by lot in shards of 32 MB, as `corpus` writes them. Each step is a process of its own, which tells the peak of what it
holds itself (anonymous memory); pages of mapped files stay in memory only as long as nobody else wants the room.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.clones import one_worker
from pipeline.core.artifact.split import PARTS, TEXTS, Split
from pipeline.core.artifact.tables import shard_name, write_table
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.tokens.rows import open_rows
from pipeline.tokens.shards import PackingSettings, write_rows
from pipeline.tokens.tokenizer import encode, save
from pipeline.tokens.training import train
from pipeline.train.schedule import rows_of

SHARD = 32 << 20  # bytes of text
WORDS, DOCUMENT = 20_000, 600  # different words; words of a document on average
ROW, BATCH, STEPS = 1024, 32, 2000
SETTINGS = PackingSettings(sequence_length=ROW, packing="best_fit", shard_tokens=1 << 26)


def make(folder: Path, millions: int) -> None:
    """A split of about so many million tokens, and its tokenizer."""
    draw = np.random.default_rng(1)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = np.array(["".join(draw.choice(letters, size)) for size in draw.integers(2, 9, WORDS)], dtype=object)
    share = 1 / np.arange(1, WORDS + 1)
    shares = share / share.sum()

    def document() -> str:
        return " ".join(draw.choice(words, int(draw.integers(20, 2 * DOCUMENT)), p=shares))

    some = [document() for _ in range(200)]
    codec = train("bpe", some, vocab_size=8192, pattern="gpt2", fewer=False)
    save(codec, Tokenizer(folder / "tokenizer"))
    bytes_a_token = sum(map(len, some)) / sum(map(len, encode(some, codec)))
    target = Split(folder / "split")
    count = max(1, round(millions * 1e6 * bytes_a_token / SHARD))
    with target.writing() as draft:
        for part in PARTS:
            (draft.path / part).mkdir()
        for number in range(count):
            rows, size = [], 0
            while size < SHARD:
                rows.append({"id": f"{number}-{len(rows)}", "source": "lot", "text": document(), "bits": None})
                size += len(rows[-1]["text"])
            for part in PARTS:
                write_table(pa.Table.from_pylist(rows if part == "train" else [], schema=TEXTS), draft.path / shard_name(part, number))
        draft.facts["shards"] = count


def tokenize(folder: Path) -> dict[str, float]:
    """What the stage does, by one worker."""
    source, tokenizer, target = Split(folder / "split"), Tokenizer(folder / "tokenizer"), Tokens(folder / "tokenize")
    facts = write_rows(source, tokenizer, target, SETTINGS, one_worker(folder / "work"))["train"]
    return {"tokens": facts["tokens"], "rows": facts["rows"], "fill": facts["fill"], "shards": facts["shards"]}


def read(folder: Path) -> dict[str, float]:
    """Batches in the order of training."""
    rows = open_rows(Tokens(folder / "tokenize"), "train", tokenizer_digest=Tokenizer(folder / "tokenizer").digest)
    started = time.process_time()
    for step in range(STEPS):
        rows.read(rows_of(step, batch=BATCH, rows=len(rows), seed=1))
    return {"rows_per_cpu_second": round(STEPS * BATCH / (time.process_time() - started))}


def watched(*words: str) -> dict[str, float]:
    """Run a step, and look again and again at what it holds."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.token_shards", *words], stdout=subprocess.PIPE, text=True) as process:
        most = 0
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                most = max(most, next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")))
            except (OSError, StopIteration):
                pass
            time.sleep(0.02)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return json.loads(said.splitlines()[-1]) | {"peak_megabytes": round(most / 1024)}


def main() -> None:
    """Make, tokenize, read; one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=int, default=200, help="of tokens")
    parser.add_argument("--step", choices=("tokenize", "read"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps({"tokenize": tokenize, "read": read}[options.step](options.folder)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch), options.millions)
        for step in ("tokenize", "read"):
            print(step, json.dumps(watched("--step", step, "--folder", scratch)), flush=True)


if __name__ == "__main__":
    main()
