"""`make size BUDGET='30 min'`: from a budget on this hardware to a size of model, an amount of text, and the settings that say so.

What is not the size is as params.yaml says. The speed is measured: some steps of our own objective on the shape that is proposed, with rows
by lot and AdamW; evaluations and checkpoints come on top. The size is that of Chinchilla's rule (Hoffmann et al. 2022), 20 tokens a
parameter; the text is as much as the budget pays for at the operations that a token takes.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from pipeline.core.arithmetic import fix_arithmetic
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import read_json
from pipeline.core.local import overlaid
from pipeline.model import size
from pipeline.pretraining import dry_step
from pipeline.pretraining.dry_step import Measured, Setting, measured
from pipeline.train.duration import Duration

SETTINGS = Path("params.yaml")
TOKENS, VOCABULARY = Path("metrics/tokenize.json"), Path("metrics/tokenizer.json")
FORMS = "BUDGET='30 min', '8 h', '1e18 flops', or '$20' with PRICE=2.50, dollars an hour"
TIMED_S, STEPS = 3.0, 3  # of a measurement, at least
ROUNDS = 4  # of measuring the shape that the speed of the last one asks for, at most


@dataclass(frozen=True)
class Budget:
    """What may be spent: one of the two."""

    seconds: float | None
    flops: float | None

    @classmethod
    def read(cls, said: str, price: float | None) -> "Budget":
        """From `30 min`, `1e18 flops`, `$20`; `price` in dollars an hour. InputError with all the forms for anything else."""
        dollars = re.fullmatch(r"\$\s*([0-9.]+)", said.strip())
        flops = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)\s*flops?", said.strip(), re.IGNORECASE)
        try:
            if dollars:
                if not price:
                    raise InputError(f"how many hours {said} buys depends on the price of one", mend=f"BUDGET='{said}' PRICE=2.50")
                return cls(3600 * float(dollars[1]) / price, None)
            if flops and float(flops[1]) > 0:
                return cls(None, float(flops[1]))
            if (seconds := Duration.read(said).seconds) is not None:
                return cls(seconds, None)
        except ValueError:
            pass
        raise InputError(f"{said!r} is no budget", mend=FORMS)

    def flops_at(self, speed: float) -> float:
        """Operations, on hardware that does so many a second."""
        return self.flops if self.flops is not None else (self.seconds or 0.0) * speed


def proposed(budget: Budget, setting: Setting, console: Console) -> tuple[dict[str, Any], Measured]:
    """The shape, and what it takes."""
    from pipeline.model import count
    from pipeline.model.build import blank

    known = size.shapes()
    counts: dict[int, int] = {}
    taken: dict[int, Measured] = {}

    def counted(place: int) -> int:
        if place not in counts:
            counts[place] = count.parameters(blank(setting.shape(known[place]), vocabulary=setting.vocabulary))
        return counts[place]

    place = 1
    while place not in taken:
        with console.status(f"{counted(place) / 1e6:.2f} M parameters: how fast?"):
            taken[place] = measured(setting.shape(known[place]), setting, seconds=TIMED_S, steps=STEPS)
        if len(taken) == ROUNDS:
            break
        wanted, _ = size.optimal(budget.flops_at(taken[place].speed))
        while place + 1 < len(known) and counted(place + 1) <= wanted:
            place += 1
        while place > 0 and counted(place) > wanted:
            place -= 1
        place = size.nearest({at: counted(at) for at in (place, min(place + 1, len(known) - 1))}, wanted)
    return known[place], taken[place]


def text_at_hand() -> int | None:
    """Tokens of the last run's training text."""
    return read_json(TOKENS)["train"]["tokens"] if TOKENS.is_file() else None


def table(shape: dict[str, Any], found: Measured, tokens: float, text: int | None, setting: Setting) -> Table:
    """What the budget buys: a shape, and so many tokens for it; `text` are the tokens that are there."""
    flops, parameters = tokens * found.flops, found.parameters
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    head = shape["hidden_size"] // shape["heads"]
    cache = size.cache_bytes(
        layers=shape["layers"], kv_heads=shape["kv_heads"], head_size=head, positions=setting.model["context"], bits=16
    )
    lines = {
        "speed": f"{found.speed / 1e9:,.1f} GFLOP/s in training steps on {setting.device}, {setting.precision}",
        "budget": f"{flops:.2e} FLOP, {flops / found.speed / 60:,.1f} minutes of pretraining",
        "model": f"{parameters / 1e6:,.2f} M parameters: {shape['layers']} layers of {shape['hidden_size']}",
        "text": f"{tokens / 1e6:,.1f} M tokens, {tokens / parameters:.0f} a parameter (the best is about {size.TOKENS_A_PARAMETER})",
        "yours": f"{text / 1e6:,.1f} M tokens: {size.passes(tokens, text):.1f} passes" if text else "not known before `tokenize` has run",
        "memory": f"{found.memory / 1e9:,.2f} GB of a step, {setting.micro_batch} rows at once",
        "files": ", ".join(f"{size.weight_bytes(parameters, bits=bits) / 1e6:,.1f} MB at {bits} bits" for bits in (16, 8, 4)),
        "cache": f"{cache / 1e6:,.2f} MB a sequence of {setting.model['context']:,} tokens at 16 bits",
    }
    for what, value in lines.items():
        grid.add_row(f"[dim]{what}[/]", value)
    return grid


def main() -> None:
    """Measure, propose, tell the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("budget", help=FORMS)
    parser.add_argument("--price", type=float, help="dollars an hour of this machine")
    options = parser.parse_args()
    console = Console(highlight=False)
    fix_arithmetic()
    try:
        budget = Budget.read(options.budget, options.price)
        setting = setting_of(yaml.safe_load(SETTINGS.read_text()))
        shape, found = proposed(budget, setting, console)
    except PipelineError as fault:
        sys.exit(str(fault))
    tokens, text = budget.flops_at(found.speed) / found.flops, text_at_hand()
    console.print(table(shape, found, tokens, text, setting))
    if text and size.passes(tokens, text) > size.PASSES:
        console.print(f"[yellow]more than {size.PASSES} passes over a text teach little: more text, or a smaller budget[/]")
    console.print()
    console.print(f'make repro SET="{size.settings_of(shape, tokens)}"', soft_wrap=True)


def setting_of(settings: dict[str, Any]) -> Setting:
    """What is set of all that is not the size."""
    return dry_step.setting_of(overlaid(settings, Path()), vocabulary=dry_step.vocabulary_of(settings, VOCABULARY))


if __name__ == "__main__":
    main()
