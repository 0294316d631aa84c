"""Blind votes: what is shown, what is kept, and that it can be gone on with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from apps import vote
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.scores import Scores
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.core.files import write_json, write_jsonl
from pipeline.model import disk
from pipeline.model.build import build
from pipeline.text.dialogues.files import read_dialogues
from pipeline.tokens.kinds import bpe
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.text.dialogue_tools import rules
from tests.tiny_shape import SHAPE


@pytest.fixture
def contest(tmp_path: Path) -> Path:
    target = Scores(tmp_path / "contest")

    def line(number: int) -> dict[str, object]:
        said = {name: {"sampled": {"text": f"{name} says {number}"}} for name in ("sft", "dpo", "gold_answers")}
        said["dpo-F16"] = {"greedy": {"text": "a file draws no samples"}}  # type: ignore[dict-item]
        if number == 3:
            said["dpo"] = said["sft"]
        return {"id": f"q{number}", "trained": number == 4, "messages": [{"role": "user", "content": f"Why [{number}]?"}], "answers": said}

    with target.writing() as draft:
        write_json(draft.path / "scores.json", [])
        write_jsonl(draft.path / "answers.jsonl", [line(number) for number in range(5)])
    return target.path


def run(contest: Path, target: Path, says: list[str], monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    answers = iter(says)

    def said(self: object, prompt: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("rich.console.Console.input", said)
    monkeypatch.setattr("sys.argv", ["vote", "--held-out", "--contest", str(contest), "--target", str(target), "--by", "Ann", *more])
    vote.main()


def lines(target: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in target.read_text().splitlines()]


def test_a_vote_is_kept_at_once_and_names_models_only_in_the_file(contest: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    target = tmp_path / "own" / "votes.jsonl"
    run(contest, target, ["x", "a", "t"], monkeypatch)
    first, second = lines(target)
    assert (first["winner"], second["winner"], first["judge"]) == ("a", "tie", "Ann")
    assert first["answer_a"] == f"{first['models']['model_a']} says {first['question'][1:]}"
    shown = capsys.readouterr().out
    assert "Why [" in shown, "square brackets are no markup"
    assert "model" not in shown.split("dpo against sft")[0]
    assert "2 votes, 2 of them new" in shown


def test_who_comes_again_goes_on_with_what_is_left(contest: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    target = tmp_path / "votes.jsonl"
    run(contest, target, ["a", "q"], monkeypatch)
    run(contest, target, ["b", "s", "a", "a"], monkeypatch)
    asked = [line["question"] for line in lines(target)]
    assert len(asked) == len(set(asked)) == 2, "three differ and are held out, one was skipped"
    assert "q3" not in asked, "equal answers"
    assert "q4" not in asked, "a fact of training"
    assert "2 votes, 1 of them new" in capsys.readouterr().out


def test_sides_are_by_lot_and_another_voter_has_another_lot(contest: Path) -> None:
    orders = {
        who: [(one.id, one.models) for one in vote.duels(vote.held_out(contest), ["sft", "dpo"], who)] for who in ("Ann", "Bo", "Cy", "Dee")
    }
    assert len({str(order) for order in orders.values()}) > 1
    assert len({models for order in orders.values() for _, models in order}) == 2
    assert orders["Ann"] == [(one.id, one.models) for one in vote.duels(vote.held_out(contest), ["sft", "dpo"], "Ann")]


def test_models_without_answers_and_one_alone_are_refused(contest: Path) -> None:
    with pytest.raises(InputError, match="no answers of grpo") as fault:
        list(vote.duels(vote.held_out(contest), ["grpo", "sft"], "Ann"))
    assert "sft, dpo" in fault.value.mend
    with pytest.raises(InputError, match="two models"):
        list(vote.duels(vote.held_out(contest), ["sft"], "Ann"))


def test_the_votes_are_read_as_preferences(contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "own" / "votes.jsonl"
    run(contest, target, ["a", "t", "b"], monkeypatch)
    won = [line[f"answer_{line['winner']}"] for line in lines(target) if line["winner"] != "tie"]
    found = read_dialogues(target.parent, (), rules(0.0), seed=1)
    assert [row["chosen"] for row in found.tables["preferences"]] == won
    assert found.counts()["votes"] == {"votes": 3, "ties": 1, "pairs": 2, "pairs_without_majority": 1}
    assert found.counts()["unknown_columns"] == {}


def test_a_line_that_a_kill_cut_short_is_cut_off_and_what_others_wrote_stays(contest: Path, tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "votes.jsonl"
    run(contest, target, ["a", "q"], monkeypatch)
    foreign = b'{"prompt": "Why?", "answer_a": "x", "answer_b": "y", "winner": "a", "voter": "Bo"}\n'
    target.write_bytes(target.read_bytes() + foreign + b'{"prompt": [{"ro')
    run(contest, target, ["b"], monkeypatch)
    found = lines(target)
    assert [line["winner"] for line in found] == ["a", "a", "b"]
    assert found[1]["voter"] == "Bo"
    target.write_bytes(target.read_bytes().rstrip())
    run(contest, target, ["t"], monkeypatch)
    assert [line["winner"] for line in lines(target)] == ["a", "a", "b", "tie"]


def test_new_answers_to_the_same_question_are_asked_again(contest: Path) -> None:
    (first, *_) = vote.duels(vote.held_out(contest), ["sft", "dpo"], "Ann")
    seen = [first.as_vote("a", "Ann")]
    assert vote.voted(first, seen, "Ann")
    assert not vote.voted(first, seen, "Bo")
    assert not vote.voted(replace(first, answers=("something", "else")), seen, "Ann")


def test_votes_on_training_prompts_are_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    codec = Tokenizer(tmp_path / "tokenizer")
    save_tokenizer(bpe.train(["tell me of the fox and the mill " * 9], vocab_size=280, pattern="gpt2"), codec)
    folders = {name: f"data/{name}" for name in ("base", "sft", "dpo")}
    for seed, folder in enumerate(folders.values()):
        disk.save(build(SHAPE, vocabulary=280, seed=seed), Model(folder), tokenizer=codec, facts={})
    Path("params.yaml").write_text(json.dumps({"models": folders}))
    rows = [
        {
            "part": "test" if number == 3 else "train",
            "prompt": [{"role": "user", "content": f"Tell of {number}"}],
            "chosen": "a",
            "rejected": "b",
        }
        for number in range(4)
    ]
    with Dialogues("data/dialogues").writing() as draft:
        write_jsonl(draft.path / "instructions.jsonl", [])
        write_jsonl(draft.path / "preferences.jsonl", rows)
    monkeypatch.setattr("rich.console.Console.input", lambda self, prompt: "a")
    monkeypatch.setattr("sys.argv", ["vote", "--by", "Ann", "--max-new", "6"])
    vote.main()
    found = lines(Path("data/input/votes.jsonl"))
    assert {line["prompt"][0]["content"] for line in found} == {"Tell of 0", "Tell of 1", "Tell of 2"}, "not the held-out one"
    assert all({*line["models"].values()} == {"sft", "dpo"} for line in found)


def test_the_votes_so_far_are_rated_without_a_question(contest: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    target = tmp_path / "votes.jsonl"
    run(contest, target, ["a", "t", "q"], monkeypatch)
    assert "Elo" in capsys.readouterr().out
    before = target.read_text()
    run(contest, target, [], monkeypatch, "--ratings")
    told = capsys.readouterr().out
    assert "Elo" in told
    assert {"sft", "dpo"} <= set(told.split())
    assert target.read_text() == before


def test_ratings_of_no_votes_say_how_to_vote(contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"(?s)there are no votes in .*make vote"):
        run(contest, tmp_path / "votes.jsonl", [], monkeypatch, "--ratings")
