"""`make vote`: which of two answers is better? Blind, in the terminal; votes become preferences.

Two models' sampled answers to one question of data/contest are shown as A and B in an order by lot. Each vote is a line of the target,
written at once, so nothing is lost when you stop; who votes again goes on with what is left. A folder of dialogues may hold the file: the
answers that won become preferences (docs/alignment.md).
"""

import argparse
import datetime
import getpass
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import read_jsonl
from pipeline.core.intervals import wilson
from pipeline.core.seed import stream

CONTEST = Path("data/contest")
TARGET = Path("data/input/votes.jsonl")
SIDES = ("a", "b")
KEYS = {"a": "a", "b": "b", "t": "tie", "tie": "tie", "=": "tie"}


@dataclass(frozen=True)
class Duel:
    """Two answers to a question, in the order in which they are shown."""

    id: str
    messages: list[dict[str, str]]
    models: tuple[str, str]
    answers: tuple[str, str]

    def as_vote(self, winner: str, who: str) -> dict[str, Any]:
        """A line of the target: a shape that the dialogues are read from."""
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        said = {f"answer_{side}": answer for side, answer in zip(SIDES, self.answers, strict=True)}
        models = {f"model_{side}": model for side, model in zip(SIDES, self.models, strict=True)}
        return {"prompt": self.messages, **said, "winner": winner, "judge": who, "tstamp": when, "question": self.id, "models": models}


def main() -> None:
    """Show, ask, write, count."""
    options = arguments()
    console = Console(highlight=False)
    try:
        known = list(read_jsonl(options.target)) if options.target.is_file() else []
        left = [one for one in duels(options.contest, options.models, options.by) if not voted(one, known, options.by)]
        added = ask(left, options, console)
    except PipelineError as fault:
        sys.exit(f"vote: {fault}")
    console.print(tally([*known, *added]))
    console.print(f"{options.target}: {len(known) + len(added)} votes, {len(added)} of them new", soft_wrap=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m apps.vote", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="whose answers (default: all models that were evaluated)")
    parser.add_argument("--by", default=getpass.getuser(), help="who votes (default: your login)")
    parser.add_argument("--contest", type=Path, default=CONTEST, help=f"default: {CONTEST}")
    parser.add_argument("--target", type=Path, default=TARGET, help=f"the file that votes are added to (default: {TARGET})")
    return parser.parse_args()


def duels(contest: Path, models: Sequence[str], who: str) -> Iterator[Duel]:
    """Pairs of answers that differ, questions and sides by lot, another lot for each voter. InputError for a model that has no answers."""
    lines = [line for line in read_jsonl(Scores(contest).file("answers.jsonl")) if not line["trained"]]
    players = list(dict.fromkeys(name for line in lines for name, said in line["answers"].items() if "sampled" in said))
    if unknown := [name for name in models if name not in players]:
        raise InputError(f"{contest} has no answers of {', '.join(unknown)}", mend=f"of {', '.join(players)}")
    chosen = list(models) or [name for name in players if name != "gold_answers"]
    if len(chosen) < 2:
        raise InputError("it takes two models to compare", mend=f"make vote MODELS='{' '.join(players[:2])}'")
    pairs = list(combinations(chosen, 2))
    for turn, number in enumerate(stream(0, "vote", who).permutation(len(lines)).tolist()):
        line = lines[number]
        one, other = pairs[turn % len(pairs)]
        if stream(0, "vote", who, line["id"]).random() < 0.5:
            one, other = other, one
        answers = (line["answers"][one]["sampled"]["text"], line["answers"][other]["sampled"]["text"])
        if all(map(str.strip, answers)) and answers[0] != answers[1]:
            yield Duel(line["id"], line["messages"], (one, other), answers)


def voted(one: Duel, known: Sequence[Mapping[str, Any]], who: str) -> bool:
    """Whether this voter has seen these answers."""
    return any(vote["judge"] == who and vote["question"] == one.id and {*vote["models"].values()} == {*one.models} for vote in known)


def ask(left: Sequence[Duel], options: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    """Until the voter has enough."""
    added = list[dict[str, Any]]()
    for number, one in enumerate(left, 1):
        console.rule(f"{number} of {len(left)}")
        for message in one.messages:
            console.print(f"[dim]{message['role']}[/dim]  {escape(message['content'])}")
        for side, answer in zip(SIDES, one.answers, strict=True):
            console.print(f"\n[bold]{side.upper()}[/bold]  {escape(answer)}")
        winner = asked(console)
        if winner is None:
            break
        if winner:
            added.append(one.as_vote(winner, options.by))
            options.target.parent.mkdir(parents=True, exist_ok=True)
            with options.target.open("ab") as file:
                file.write(orjson.dumps(added[-1]) + b"\n")
    return added


def asked(console: Console) -> str | None:
    """a, b or tie; "" for another question; None for the end."""
    while True:
        try:
            said = console.input("\n[dim]better: a, b, t (tie), s (skip), q (enough)[/dim] ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            return None
        if said in KEYS:
            return KEYS[said]
        if said in ("q", "s"):
            return None if said == "q" else ""


def tally(votes: Sequence[Mapping[str, Any]]) -> Table:
    """How often each model won against each other, ties half."""
    points, played = defaultdict[tuple[str, str], float](float), Counter[tuple[str, str]]()
    for vote in votes:
        sides = {"a": vote["models"]["model_a"], "b": vote["models"]["model_b"]}
        one, other = sorted(sides.values())
        played[one, other] += 1
        points[one, other] += 0.5 if vote["winner"] == "tie" else float(sides[vote["winner"]] == one)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("", "votes", "won", "95%"):
        grid.add_column(head, justify="right" if head else "left")
    for (one, other), many in sorted(played.items()):
        low, high = wilson(points[one, other], many)
        grid.add_row(f"{one} against {other}", str(many), f"{points[one, other] / many:.0%}", f"{low:.0%} – {high:.0%}")
    return grid


if __name__ == "__main__":
    main()
