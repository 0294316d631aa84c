"""Text of an own earlier model, as a source of a corpus: `python -m apps.sample --target data/input/own.jsonl`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import write_text
from pipeline.core.seed import stream
from pipeline.evaluate.synthetic import Drawing, Sample, Sieve, counted, draw, sift
from pipeline.model import disk
from pipeline.report.figures import number

_EPILOG = """\
Written below corpus.path (data/input), the file is a source of the reader `sources`, marked as synthetic:
  corpus:
    reader: sources
    sources:
      - {name: books, path: books}
      - {name: own, path: own.jsonl, synthetic: true, weight: 0.5}
(a source with the path . would read it a second time). So the chain runs with it and, at weight 0, without it, and is compared:
  dvc exp run --name with-own
  python -m apps.compare HEAD with-own
Rows are {text, model, logprob, prompt}: the digest of the model's manifest, nats a token, what the text goes on from.
The same model, seed and settings give the same file. It appears when it is whole.
"""


def main() -> None:
    """Draw, sift, write, and say how much was thrown away and why."""
    options = arguments()
    try:
        counts = written(options)
    except PipelineError as fault:
        sys.exit(f"sample: {fault}")
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, count in counts.items():
        grid.add_row(f"[dim]{name}[/dim]", number(count))
    console = Console(highlight=False)
    console.print(grid)
    console.print(f"{options.target}", soft_wrap=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.sample",
        description="Write text with an own earlier model, throw away what is bad, and keep the rest as a source.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--target", type=Path, required=True, help="the file to be written, .jsonl")
    parser.add_argument("--model", type=Path, default=Path("data/pretrain"), help="a base model (default: data/pretrain)")
    parser.add_argument("--split", type=Path, default=Path("data/split"), help="the text it was trained on (default: data/split)")
    parser.add_argument("--documents", type=int, default=1000, help="texts to draw, at most (default: 1000)")
    parser.add_argument("--bytes", type=int, help="bytes to draw, at most (default: no bound)")
    parser.add_argument("--tokens", type=int, default=256, help="of a text, at most (default: 256)")
    parser.add_argument("--prompt", type=int, default=0, help="words of a training paragraph to go on from (default: 0, from nothing)")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampling; 0 is greedy (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the sampling (default: 1)")
    parser.add_argument("--batch", type=int, default=16, help="texts at once (default: 16)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    sieve = parser.add_argument_group("what is thrown away, and counted, in this order")
    sieve.add_argument("--characters", type=int, default=200, help="empty: fewer characters up to the last sentence's end (default: 200)")
    sieve.add_argument(
        "--repeated", type=float, default=0.2, help="repeated: this share of its runs of words twice, or the whole (default: 0.2)"
    )
    sieve.add_argument("--quantile", type=float, default=0.1, help="unlikely: this share, by mean log-probability (default: 0.1)")
    sieve.add_argument("--copied", type=float, default=0.5, help="copied: this share of its runs of words is in train (default: 0.5)")
    sieve.add_argument("--ngram", type=int, default=13, help="words of a run (default: 13)")
    return parser.parse_args()


def written(options: argparse.Namespace) -> dict[str, int]:
    """Draw, sift and write; returns the counts. PipelineError where nothing is left."""
    check(options)
    model, split = Model(options.model), Split(options.split)
    module, tokenizer = disk.load(model, device=options.device), disk.tokenizer_of(model)
    drawing = Drawing(**{name: getattr(options, name) for name in ("documents", "bytes", "tokens", "temperature", "seed", "batch")})
    sieve = Sieve(**{name: getattr(options, name) for name in ("characters", "ngram", "repeated", "quantile", "copied")})
    samples = draw(module, tokenizer, prompts(split, words=options.prompt, texts=options.documents, seed=options.seed), drawing)
    kept, thrown = sift(samples, (table["text"].to_pylist() for table in split.batches("train", ["text"])), sieve)
    counts = counted(kept, thrown)
    if not kept:
        told = ", ".join(f"{count} {reason}" for reason, count in thrown.items() if count)
        raise InputError(f"none of {len(samples)} texts is worth keeping: {told}", mend="another model, or a milder sieve")
    write_text(options.target, "".join(rows(kept, model.digest)))
    return counts


def check(options: argparse.Namespace) -> None:
    """InputError for options that can't be meant, all at once."""
    faults = [
        f"--{name} {getattr(options, name)} is not above 0"
        for name in ("documents", "tokens", "batch", "ngram")
        if getattr(options, name) < 1
    ]
    faults += [
        f"--{name} {getattr(options, name)} is no share of 0 to 1"
        for name in ("repeated", "quantile", "copied")
        if not 0 <= getattr(options, name) <= 1
    ]
    faults += [
        f"--{name} {getattr(options, name)} is below 0" for name in ("temperature", "prompt", "characters") if getattr(options, name) < 0
    ]
    if options.target.exists() and not is_sample(options.target):
        faults.append(f"--target {options.target} is there, and this did not write it: it is not written over")
    if options.target.suffix != ".jsonl":
        faults.append(f"--target {options.target} is no .jsonl")
    if faults:
        raise InputError("; ".join(faults), mend=".venv/bin/python -m apps.sample --help")


def is_sample(path: Path) -> bool:
    """Whether every row of a file has the columns that are written here."""
    try:
        with path.open("rb") as file:
            return all({"text", "model", "logprob"} <= orjson.loads(line).keys() for line in file)
    except (ValueError, AttributeError, OSError):
        return False


def prompts(split: Split, *, words: int, texts: int, seed: int) -> list[str]:
    """The first words of paragraphs by lot, out of one shard by lot; one empty prompt where no words are wanted."""
    if not words:
        return [""]
    lots = stream(seed, "prompts")
    shards = [shard for shard in split.shards if shard.table("train", ["id"]).num_rows]
    table = shards[lots.integers(len(shards))].table("train", ["text"])
    paragraphs = [paragraph for text in table["text"].to_pylist() for paragraph in text.split("\n\n") if len(paragraph.split()) > words]
    if not paragraphs:
        raise InputError(f"no paragraph of {split.path} has more than {words} words", mend="a smaller --prompt")
    return [" ".join(paragraphs[place].split()[:words]) for place in lots.integers(len(paragraphs), size=texts)]


def rows(samples: list[Sample], digest: str) -> Iterator[str]:
    """The lines of the file."""
    for sample in samples:
        row = {"text": sample.text, "model": digest, "logprob": sample.logprob} | ({"prompt": sample.prompt} if sample.prompt else {})
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE).decode()


if __name__ == "__main__":
    main()
