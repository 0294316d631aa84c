"""Compare how fast text becomes ids, ours, tiktoken and `tokenizers`, by CPU time in one run; the ids are compared first.

python -m benchmarks.tokens [--text FILE] [--bytes 10000000] [--vocab-size 32000] [--rounds 3] [--pattern gpt2 gpt4]

One thread each. All three are built from the same tokenizer.json, trained on the text itself, and get the same documents: pieces of the
file, else the sources and guides of the installed packages. The rounds alternate, and the least CPU time counts: other load only adds.
Ours is told cold, with empty tables, and warm.
"""

import argparse
import json
import os
import sysconfig
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_args

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")} | {"TOKENIZERS_PARALLELISM": "false"}
os.environ.update(ONE_THREAD)  # before any of them is imported

import tokenizers  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

import stages  # noqa: E402, F401 - where compiled kernels are kept
from pipeline.tokens.encoder import Encoder, byte_alphabet  # noqa: E402
from pipeline.tokens.kinds import bpe  # noqa: E402
from pipeline.tokens.patterns import PATTERNS, Pattern  # noqa: E402
from pipeline.tokens.special import IDS  # noqa: E402

PACKAGES = Path(sysconfig.get_paths()["purelib"])
DOCUMENT = 8000  # characters
TARGET = 3.0  # times tiktoken
Encode = Callable[[Sequence[str]], list[list[int]]]


def main() -> None:
    """Train, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=None)
    parser.add_argument("--bytes", type=int, default=10_000_000)
    parser.add_argument("--vocab-size", type=int, default=32000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pattern", nargs="+", default=list(get_args(Pattern)), choices=get_args(Pattern))
    options = parser.parse_args()
    documents, console = read(options.text, options.bytes), Console()
    name = options.text.name if options.text else "the packages"
    for pattern in options.pattern:
        tokenizer = bpe.train(documents, vocab_size=options.vocab_size, pattern=pattern, fewer=True)
        console.print(table(rates(documents, tokenizer, pattern, rounds=options.rounds), tokenizer, pattern, documents, name=name))


def read(file: Path | None, most: int) -> list[str]:
    """Documents of `most` bytes at most, from a file, or from the packages in the order of a hash of their paths."""
    files = [file] if file else sorted(PACKAGES.rglob("*.py"), key=lambda path: blake2b(str(path.relative_to(PACKAGES)).encode()).digest())
    documents: list[str] = []
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for at in range(0, len(text), DOCUMENT):
            documents.append(text[at : at + DOCUMENT])
            most -= len(documents[-1].encode())
            if most < 0:
                return documents[:-1]
    return documents


def rates(documents: list[str], tokenizer: tokenizers.Tokenizer, pattern: Pattern, *, rounds: int) -> dict[str, float]:
    """Megabytes a CPU second of each, after their ids were compared."""
    content = json.loads(tokenizer.to_str())
    ways: dict[str, Callable[[], Encode]] = {
        "tokenizers": lambda: lambda texts: [one.ids for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)],
        "ours, cold": lambda: Encoder(content["model"], pattern),
    }
    if peer := tiktoken_of(content, pattern):
        ways["tiktoken"] = lambda: peer
    warm = Encoder(content["model"], pattern)
    ways["ours, warm"] = lambda: warm
    wanted = ways["tokenizers"]()(documents)
    for name, way in ways.items():
        assert [list(ids) for ids in way()(documents)] == wanted, f"{name} encodes otherwise"
    size = sum(len(document.encode()) for document in documents)
    least: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            encode = way()
            start = time.process_time()
            encode(documents)
            least[name] = min(least.get(name, float("inf")), time.process_time() - start)
    return {name: size / seconds / 1e6 for name, seconds in least.items()}


def tiktoken_of(content: dict[str, Any], pattern: Pattern) -> Encode | None:
    """tiktoken with the same merges; its ranks are our ids. None where it is not installed."""
    try:
        import tiktoken
    except ImportError:
        return None
    byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
    ordinary = {token: number for token, number in content["model"]["vocab"].items() if token not in IDS}
    ranks = {bytes(byte_of[character] for character in token): number for token, number in ordinary.items()}
    encoding = tiktoken.Encoding("ours", pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens={})
    return lambda texts: [encoding.encode_ordinary(text) for text in texts]


def table(found: dict[str, float], tokenizer: tokenizers.Tokenizer, pattern: str, documents: list[str], *, name: str) -> Table:
    """The rates, and how many times those of the others ours are."""
    size = sum(len(document.encode()) for document in documents)
    title = f"{pattern}: {size / 1e6:.1f} MB of {name}, {tokenizer.get_vocab_size()} tokens, ids equal"
    grid = Table("encoder", "MB a CPU second", "ours, cold, is", title=title)
    for one, rate in sorted(found.items(), key=lambda item: item[1]):
        grid.add_row(one, f"{rate:.1f}", f"{found['ours, cold'] / rate:.1f} times")
    if "tiktoken" in found:
        grid.caption = f"target: {TARGET:g} times tiktoken"
    else:
        grid.caption = "tiktoken is not installed: pip install tiktoken, into a venv of its own"
    return grid


if __name__ == "__main__":
    main()
