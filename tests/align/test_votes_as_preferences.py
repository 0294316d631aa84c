"""Votes on answers become the pairs of an entry of preferences: the majority, and nothing that is held out."""

import logging
from pathlib import Path

import pytest

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError
from pipeline.core.files import write_jsonl
from pipeline.core.track import NoTracker
from pipeline.serve.votes import add_vote, vote_line
from stages._run import Hardware, Run
from stages._settings import compose, plain, typed
from stages.preferences.votes import main as stage

PAIR = {"id": "g", "part": "train", "prompt": [{"role": "user", "content": "Given?"}], "chosen": "yes", "rejected": "no"}


def told(folder: Path, *ballots: tuple[str, str, str]) -> Dialogues:
    """What the stage makes of ballots, each (question, winner, voter) on the answers `one` and `other`, beside given ones."""
    given, held_out = Dialogues(folder / "given"), PAIR | {"id": "h", "part": "test", "prompt": [{"role": "user", "content": "Held out?"}]}
    with given.writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", ())
        write_jsonl(draft.path / "preferences.jsonl", [PAIR, held_out])
    for question, winner, who in ballots:
        asked = [{"role": "user", "content": question}]
        add_vote(folder / "votes.jsonl", vote_line(asked, ("one", "other"), ("sft", "dpo"), winner=winner, who=who, question=question))
    settings = plain(compose(["size=smoke", "preferences=[votes]"]))
    places = {"source": str(folder / "votes.jsonl"), "dialogues": str(given.path), "target": str(folder / "made")}
    settings["preferences"]["votes"] |= places
    cfg = typed(stage.config, stage.section(settings, "votes"), at="preferences.votes")
    hardware = typed(Hardware, settings["hardware"], at="hardware")
    stage.recipe(cfg, Run("votes", stage.at("votes"), "code", "told", folder, hardware, NoTracker(), logging.getLogger("test")))
    return Dialogues(folder / "made")


def test_the_majority_of_votes_is_a_pair_to_learn_from_beside_the_given_ones(tmp_path: Path) -> None:
    made = told(
        tmp_path, ("New?", "b", "ada"), ("New?", "b", "bo"), ("New?", "a", "cy"), ("Even?", "tie", "ada"), ("Held out?", "a", "ada")
    )
    rows = {(row["prompt"][-1]["content"], row["part"]): (row["chosen"], row["rejected"]) for row in made.rows("preferences")}
    assert rows == {("New?", "train"): ("other", "one"), ("Given?", "train"): ("yes", "no"), ("Held out?", "test"): ("yes", "no")}


@pytest.mark.parametrize(("question", "winner", "mend"), [("Even?", "tie", "prefer one of two"), ("Held out?", "a", "make vote")])
def test_votes_that_teach_nothing_are_told_with_the_mend(question: str, winner: str, mend: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as fault:
        told(tmp_path, (question, winner, "ada"))
    assert mend in fault.value.mend
