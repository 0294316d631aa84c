"""How an answer is drawn, as options of a command line: the same for `make chat` and `make play`."""

import argparse
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.core.errors import InputError
from pipeline.model.sampling import Cut

CUTS = ("top_k", "top_p", "min_p", "repetition_penalty")


def add_sampling(parser: argparse.ArgumentParser, *, temperature: float, top_p: float | None, max_new: int) -> None:
    """The options, with these defaults."""
    parser.add_argument("--temperature", type=float, default=temperature, help=f"0 is greedy (default: {temperature:g})")
    parser.add_argument("--top-k", type=int, help="draw from so many likeliest tokens")
    parser.add_argument("--top-p", type=float, default=top_p, help=f"draw from the fewest likeliest that hold so much (default: {top_p})")
    parser.add_argument("--min-p", type=float, help="draw from tokens that are so likely in parts of the likeliest: 0.05")
    parser.add_argument("--repetition-penalty", type=float, help="makes tokens that were there less likely: 1.1")
    parser.add_argument("--max-new", type=int, default=max_new, help=f"tokens an answer (default: {max_new})")
    parser.add_argument("--seed", type=int, default=1, help="of the sampling (default: 1)")


def cut_of(options: argparse.Namespace) -> Cut:
    """What may be drawn. InputError for what is out of its bounds, or would have no effect."""
    asked = {name: getattr(options, name) for name in CUTS}
    drawn = [f"--{name.replace('_', '-')}" for name in CUTS[:-1] if asked[name] is not None]
    if drawn and options.temperature == 0:
        raise InputError(f"{' and '.join(drawn)} would have no effect: at temperature 0 nothing is drawn", mend="--temperature 0.8")
    cut: Cut = checked(Cut, asked)
    return cut


def checked(kind: Any, asked: dict[str, Any]) -> Any:
    """A dataclass of these values. InputError that names the option out of its bounds."""
    try:
        return TypeAdapter(kind).validate_python(asked)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise InputError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}", mend="a value within its bounds") from fault
