"""`make vote`: which of two answers is better? Blind, in the terminal; votes become preferences.

Two models answer prompts that they may learn from, and their answers are shown as A and B in an order by lot. Each vote is a line of the
target, written at once, so nothing is lost when you stop; who votes again goes on with what is left. A folder of dialogues may hold the
file: the answers that won become preferences (docs/alignment.md). With --held-out the answers of data/contest are judged instead: votes on
held-out prompts belong to the test part, nothing learns from them.
"""

import argparse
import getpass
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.files import read_jsonl
from pipeline.core.intervals import Bootstrap, wilson
from pipeline.core.progress import progress
from pipeline.core.seed import seed_of, stream
from pipeline.evaluate.ratings import Vote, rate_votes
from pipeline.evaluate.table import GOLD
from pipeline.serve.votes import SIDES, TARGET, add_vote, question_of, vote_line, votes_in

CONTEST, DIALOGUES, PARAMS = Path("data/contest"), Path("data/dialogues"), Path("params.yaml")
PRIOR = 1.0  # virtual games a model against an average one, as contest.prior
KEYS = {"a": "a", "b": "b", "t": "tie", "tie": "tie", "=": "tie"}


@dataclass(frozen=True)
class Line:
    """A question, and what models answer."""

    id: str
    messages: list[dict[str, str]]
    said: Mapping[str, str]


@dataclass(frozen=True)
class Duel:
    """Two answers to a question, in the order in which they are shown."""

    id: str
    messages: list[dict[str, str]]
    models: tuple[str, str]
    answers: tuple[str, str]

    def as_vote(self, winner: str, who: str) -> dict[str, Any]:
        """A line of the target: a shape that the dialogues are read from."""
        return vote_line(self.messages, self.answers, self.models, winner=winner, who=who, question=self.id)


def main() -> None:
    """Show, ask, write, count."""
    options = arguments()
    console = Console(highlight=False)
    try:
        options.by = options.by or getpass.getuser()
        known = votes_in(options.target)
        if options.ratings:
            if not known:
                raise InputError(f"there are no votes in {options.target}", mend="make vote")
            console.print(tally(known), ratings(known), sep="\n\n")
            return
        found = held_out(options.contest) if options.held_out else answered(options)
        left = [one for one in duels(found, options.models, options.by) if not voted(one, known, options.by)]
        added = ask(left, options, console)
    except PipelineError as fault:
        sys.exit(f"vote: {fault}")
    if known or added:
        console.print(tally([*known, *added]), ratings([*known, *added]), sep="\n\n")
    console.print(f"{options.target}: {len(known) + len(added)} votes, {len(added)} of them new", soft_wrap=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m apps.vote", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="whose answers (default: all models that were evaluated)")
    parser.add_argument("--by", help="who votes (default: your login)")
    parser.add_argument("--held-out", action="store_true", help="judge the answers of the contest, which nothing learns from")
    parser.add_argument("--ratings", action="store_true", help="only print what all votes so far come to")
    parser.add_argument("--contest", type=Path, default=CONTEST, help=f"default: {CONTEST}")
    parser.add_argument("--dialogues", type=Path, default=DIALOGUES, help=f"whose training prompts are asked (default: {DIALOGUES})")
    parser.add_argument("--questions", type=int, default=40, help="prompts to ask, by lot (default: 40)")
    parser.add_argument("--max-new", type=int, default=64, help="tokens an answer (default: 64)")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampling (default: 1)")
    parser.add_argument("--target", type=Path, default=TARGET, help=f"the file that votes are added to (default: {TARGET})")
    return parser.parse_args()


def held_out(contest: Path) -> list[Line]:
    """What the contest asked of no fact of training, and the sampled answers."""
    lines = (line for line in read_jsonl(Scores(contest).file("answers.jsonl")) if not line["trained"])
    return [
        Line(line["id"], line["messages"], {name: said["sampled"]["text"] for name, said in line["answers"].items() if "sampled" in said})
        for line in lines
    ]


def answered(options: argparse.Namespace) -> list[Line]:
    """Training prompts by lot, the same for every voter, and an answer of each model. InputError where there is none."""
    from pipeline.model.generate import generate  # torch, which the contest's answers do without
    from pipeline.serve.engines import loaded

    folders: dict[str, str] = yaml.safe_load(PARAMS.read_text())["models"]
    chosen = list(options.models) or [name for name in folders if name != "base"]
    if unknown := [name for name in chosen if name not in folders]:
        raise InputError(f"there is no model {', '.join(unknown)}", mend=f"of {', '.join(folders)}")
    prompts = prompts_of(Dialogues(options.dialogues))
    if not prompts:
        raise InputError(f"{options.dialogues} has no prompts to learn from", mend="make repro, or --held-out")
    order = stream(0, "vote", "prompts").permutation(len(prompts))[: options.questions]
    asked, said = [prompts[number] for number in order.tolist()], dict[str, list[str]]()
    for name in progress(chosen, "answers"):
        module, codec = loaded(Path(folders[name]))
        ids = [codec.chat(messages) for messages in asked]
        room = int(module.config.max_position_embeddings) - options.max_new
        how = {"max_new": options.max_new, "temperature": options.temperature, "seed": seed_of(1, "vote"), "batch": 16}
        texts = iter(generate(module, [one for one in ids if len(one) <= room], ends=codec.turn_ends, **how))
        said[name] = [codec.tokenizer.decode(next(texts)) if len(one) <= room else "" for one in ids]  # without room there is no answer
    return [Line(question_of(one), one, {name: said[name][number] for name in chosen}) for number, one in enumerate(asked)]


def prompts_of(dialogues: Dialogues) -> list[list[dict[str, str]]]:
    """Of preferences of the part train, else of instructions, each once."""
    preferences = [row["prompt"] for row in dialogues.rows("preferences") if row["part"] == "train"]
    instructions = (row["messages"][:-1] for row in dialogues.rows("instructions") if row["part"] == "train")
    return list({question_of(one): one for one in preferences or instructions}.values())


def duels(lines: Sequence[Line], models: Sequence[str], who: str) -> Iterator[Duel]:
    """Pairs of answers that differ, questions and sides by lot, another lot for each voter. InputError for a model that has no answers."""
    players = list(dict.fromkeys(name for line in lines for name in line.said))
    if unknown := [name for name in models if name not in players]:
        raise InputError(f"there are no answers of {', '.join(unknown)}", mend=f"of {', '.join(players)}")
    chosen = list(models) or [name for name in players if name != GOLD]
    if len(chosen) < 2:
        raise InputError("it takes two models to compare", mend=f"make vote MODELS='{' '.join(players[:2])}'")
    pairs = list(combinations(chosen, 2))
    for turn, number in enumerate(stream(0, "vote", who).permutation(len(lines)).tolist()):
        line = lines[number]
        one, other = pairs[turn % len(pairs)]
        if stream(0, "vote", who, line.id).random() < 0.5:
            one, other = other, one
        answers = (line.said.get(one, ""), line.said.get(other, ""))
        if all(map(str.strip, answers)) and answers[0] != answers[1]:
            yield Duel(line.id, line.messages, (one, other), answers)


def voted(one: Duel, known: Sequence[Mapping[str, Any]], who: str) -> bool:
    """Whether this voter has seen these answers."""
    return any(vote["judge"] == who and {vote["answer_a"], vote["answer_b"]} == {*one.answers} for vote in known)


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
            add_vote(options.target, added[-1])
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


def ratings(votes: Sequence[Mapping[str, Any]]) -> Table:
    """The models by Bradley and Terry, on Elo's scale, as the contest rates them by rules and by the reward model."""
    sides = [(vote["models"]["model_a"], vote["models"]["model_b"]) for vote in votes]
    points = [0.5 if vote["winner"] == "tie" else float(vote["winner"] == "a") for vote in votes]
    asked = [str(vote.get("question") or number) for number, vote in enumerate(votes)]
    found = [Vote(name, both, one) for name, both, one in zip(asked, sides, points, strict=True) if both[0] != both[1]]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("", "Elo", "95%", "votes"):
        grid.add_column(head, justify="right" if head else "left")
    for name, one in (rate_votes(found, prior=PRIOR, bootstrap=Bootstrap(400, 1)) if found else {}).items():
        grid.add_row(escape(name), f"{one.value:.0f}", f"{one.low:.0f} – {one.high:.0f}", str(one.n))
    return grid


if __name__ == "__main__":
    main()
