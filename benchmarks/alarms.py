"""How often a model is called different from itself: `python -m benchmarks.alarms [MODEL]` (`make bench-alarms`).

The same questions are answered twice by the same model, sampled at temperature 1 with seeds of their own, and compared as the contest
compares models. Of 200 such comparisons at most 7 % may be called different. Needs a chain that has run; prints a table.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import stages  # noqa: F401 - before torch: the arithmetic of the stages
from benchmarks.clones import ROOT
from pipeline.core.intervals import Bootstrap, wilson
from pipeline.core.seed import seed_of
from pipeline.evaluate.differences import Points, differences

TARGET = 0.07  # of the comparisons
NEW = 28  # tokens of an answer, at most: as tasks.facts asks
DRAWS = Bootstrap(50, 1)  # of the interval, which does not decide


def main() -> None:
    """The questions of a chain, and a sampler of its model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarms", description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=ROOT / "data/sft", help="default: data/sft")
    parser.add_argument("--comparisons", type=int, default=200, help="default: 200")
    parser.add_argument("--questions", type=int, default=150, help="default: 150")
    options = parser.parse_args()
    table = Table("what is compared", "comparisons", "called different", "95%", "target", title=f"{options.model.name} against itself")
    for name, draw in samplers(options.model, options.questions).items():
        false = alarms(draw, options.comparisons)
        low, high = wilson(false, options.comparisons)
        told = f"{false / options.comparisons:.1%}", f"{low:.1%} – {high:.1%}", f"at most {TARGET:.0%}"
        table.add_row(name, str(options.comparisons), *told)
    Console().print(table)


def alarms(draw: Callable[[int], Points], comparisons: int) -> int:
    """How many of the comparisons of one draw of points with another, each of a seed of its own, are called more than noise."""
    false = 0
    for number in range(comparisons):
        one, other = (draw(seed_of(number, "alarm", side)) for side in ("one", "other"))
        false += any(not found.noise for found in differences("alarms", "right", {"one": one, "other": other}, DRAWS))
    return false


def samplers(folder: Path, count: int) -> dict[str, Callable[[int], Points]]:
    """By what is compared: the points of sampled answers to held-out questions, right and polite."""
    import torch

    from pipeline.core.artifact.dialogues import Dialogues
    from pipeline.core.artifact.model import Model
    from pipeline.evaluate.answers import Answer, answer
    from pipeline.evaluate.kinds.questions import questions
    from pipeline.model import disk
    from pipeline.tokens.codec import Own
    from pipeline.tokens.dialogues import Room

    torch.set_num_threads(1)
    module, codec = disk.load(Model(folder), device="cpu"), Own(disk.tokenizer_of(Model(folder)))
    context = int(module.config.max_position_embeddings)
    room = Room(tokens=context - NEW, key="model.context", max_dropped=1.0, context=context, spare=NEW)
    asked = questions(Dialogues(ROOT / "data/dialogues"), codec, held_out=count, trained=0, room=room, seed=1)
    how: dict[str, Any] = {"max_new": NEW, "temperature": 1.0, "batch": 128}
    said: dict[int, list[Answer]] = {}

    def drawn(seed: int, point: Callable[[Answer], bool]) -> Points:
        if seed not in said:
            said[seed] = answer(module, codec, asked, seed=seed, **how)
        return {one.id: (one.cluster, float(point(found))) for one, found in zip(asked, said[seed], strict=True)}

    return {
        "sampled answers, right": lambda seed: drawn(seed, lambda found: found.right),
        "sampled answers, right and polite": lambda seed: drawn(seed, lambda found: found.exact),
    }


if __name__ == "__main__":
    main()
