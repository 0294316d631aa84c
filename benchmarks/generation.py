"""How fast answers are sampled, beside transformers: `python -m benchmarks.generation [PAIRS]` (`make bench-generation`).

The same module, prompts and length in one process: `generate` of ours against `module.generate`, in pairs, since a busy machine slows both.
Three loads: every row to the full length, greedy; 64 answers that end by themselves; eight answers to each of eight prompts. Tokens a CPU
second with one thread, or a second on a GPU. The trained model of `data/sft` is taken where it lies, else fresh weights. Prints a table.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

import stages  # noqa: F401 - before torch: the arithmetic of the stages
from benchmarks.clones import ROOT

TARGET = 2.0  # ours over transformers
NEW = 32  # tokens of an answer, at most


@dataclass(frozen=True)
class Load:
    """What is asked of both."""

    name: str
    prompts: Sequence[Sequence[int]]
    temperature: float
    ends: bool  # whether rows may end before NEW tokens


def main() -> None:
    """Some pairs of each load."""
    pairs = int([*sys.argv[1:], "7"][0])
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    module, prompts, said = found()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module.to(device)
    clock = clock_of(device)
    title = f"tokens a second, {said}, {device}, {pairs} pairs"
    table = Table("load", "transformers", "ours", "ratio", "lowest", "highest", "target", title=title)
    loads = [
        Load("64 greedy, full length", prompts[:64], 0.0, ends=False),
        Load("64 sampled, to their ends", prompts[:64], 1.0, ends=True),
        Load("8 prompts x 8 sampled", [prompt for prompt in prompts[:8] for _ in range(8)], 1.0, ends=True),
    ]
    for load in loads:
        both = [(rate(theirs, module, load, seed, clock), rate(ours, module, load, seed, clock)) for seed in range(pairs + 1)][1:]
        ratios = [mine / peer for peer, mine in both]
        peer, mine = (statistics.median(column) for column in zip(*both, strict=True))
        figures = (f"{one:.2f}" for one in (statistics.median(ratios), min(ratios), max(ratios)))
        table.add_row(load.name, f"{peer:.0f}", f"{mine:.0f}", *figures, f"{TARGET}")
    Console().print(table)


def found() -> tuple[Any, list[list[int]], str]:
    """A model, prompts for it, and what they are."""
    from pipeline.model import disk
    from pipeline.model.build import build

    folder = ROOT / "data/sft"
    if (folder / "model.safetensors").is_file() and (ROOT / "data/dialogues").is_dir():
        from pipeline.core.artifact.dialogues import Dialogues
        from pipeline.core.artifact.model import Model
        from pipeline.tokens.chat import encode_chat

        tokenizer, rows = disk.tokenizer_of(Model(folder)), Dialogues(ROOT / "data/dialogues").rows("preferences")
        prompts = [encode_chat(row["prompt"], tokenizer, add_generation_prompt=True)[0] for row in rows]
        different = [list(one) for one in dict.fromkeys(map(tuple, prompts))]
        return disk.load(Model(folder), device="cpu"), different[:64], "data/sft"
    shape = yaml.safe_load((ROOT / "conf/model/qwen3.yaml").read_text())
    draw = random.Random(1)
    lots = [[0, *(draw.randrange(8, 1000) for _ in range(draw.randrange(12, 40)))] for _ in range(64)]
    return build(shape, vocabulary=1024, seed=1).eval(), lots, "fresh weights"


def rate(work: Callable[..., int], module: Any, load: Load, seed: int, clock: Callable[[], float]) -> float:
    """Tokens of the answers a second."""
    began = clock()
    tokens = work(module, load, seed)
    return tokens / (clock() - began)


def clock_of(device: str) -> Callable[[], float]:
    """Seconds: of this process on a CPU; by the clock on a GPU."""
    return synchronised if device == "cuda" else time.process_time


def synchronised() -> float:
    """The time when the GPU has done what it was asked."""
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def ours(module: Any, load: Load, seed: int) -> int:
    """Tokens that pipeline.model.generate wrote, ends among them."""
    from pipeline.model.generate import TURN, generate

    ends = TURN if load.ends else (-1,)
    answers = generate(module, load.prompts, max_new=NEW, temperature=load.temperature, seed=seed, batch=len(load.prompts), ends=ends)
    return sum(min(NEW, len(answer) + 1) if load.ends else len(answer) for answer in answers)


def theirs(module: Any, load: Load, seed: int) -> int:
    """The same of transformers: left-padded, all rows until the last has ended."""
    import torch

    from pipeline.model.batches import left_padded
    from pipeline.tokens.special import END, IDS, PAD

    torch.manual_seed(seed)
    ids, seen = left_padded(load.prompts, fill=IDS[PAD], device=str(module.device))
    how: dict[str, Any] = {"do_sample": bool(load.temperature)}
    how |= {"temperature": load.temperature, "top_k": 0, "top_p": 1.0} if load.temperature else {}
    how |= {"eos_token_id": IDS[END], "pad_token_id": IDS[PAD], "max_new_tokens": NEW} | ({} if load.ends else {"min_new_tokens": NEW})
    rows = module.generate(ids, attention_mask=seen, **how)[:, ids.shape[1] :].tolist()
    return sum(row.index(IDS[END]) + 1 if IDS[END] in row else len(row) for row in rows)


if __name__ == "__main__":
    main()
