"""Several ranked answers, and what people said of two, become preferences; what orders nothing stands in the quarantine."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.text.dialogues.files import Reading, read_dialogues
from pipeline.text.dialogues.rankings import RankedPairs
from pipeline.text.shapes import holds_dialogues
from tests.text.dialogue_tools import rules

ASK = {"role": "user", "content": "Why?"}


def read(folder: Path, *rows: Any, ranked_pairs: RankedPairs = "all", duplicates: Any = "drop") -> Reading:
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_dialogues(folder, (), rules(1.0, duplicates, ranked_pairs=ranked_pairs), seed=1)


def pairs(found: Reading) -> list[str]:
    return [f"{row['chosen']}>{row['rejected']}" for row in found.tables["preferences"]]


def completions(**scores: Any) -> dict[str, Any]:
    """A row as UltraFeedback has them."""
    return {"instruction": "Why?", "completions": [{"response": name, "overall_score": score} for name, score in scores.items()]}


@pytest.mark.parametrize(
    "row",
    [
        completions(A=9.0, B=5.0, C="2.5"),
        {"prompt": "Why?", "answers": [{"answer": name, "rank": rank} for name, rank in (("B", 2), ("A", 1.0), ("C", 3))]},
        {"prompt": [ASK], "responses": ["C", "A", "B"], "ranking": [3, 1, 2]},
        {"messages": [ASK], "responses": ["C", "A", "B"], "scores": [0.1, 0.9, 0.5]},
        {"prompt": "Why?", "outputs": [[{"role": "assistant", "content": name}] for name in "ABC"], "ranks": [1, 2, 3]},
        {"prompt": "\n\nHuman: Why?\n\nAssistant:", "answers": [{"answer": f" {name}", "rank": ord(name)} for name in "CBA"]},
    ],
)
def test_every_shape_of_a_ranking_gives_all_pairs_of_a_better_and_a_worse_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    found = read(tmp_path, row)
    assert sorted(pairs(found)) == ["A>B", "A>C", "B>C"]
    assert [one["prompt"] for one in found.tables["preferences"]] == [[ASK]] * 3
    assert (found.bad, len({one["id"] for one in found.tables["preferences"]})) == ([], 3)
    assert found.counts()["unknown_columns"] == {}


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("all", ["A>C", "A>D", "B>C", "B>D", "C>D", "A>E", "B>E", "C>E", "D>E"]),
        ("adjacent", ["A>C", "B>C", "C>D", "D>E"]),
        ("best_worst", ["A>E"]),
    ],
)
def test_answers_of_one_rank_are_no_pair_and_the_setting_chooses_among_the_others(
    how: RankedPairs, expected: list[str], tmp_path: Path
) -> None:
    assert sorted(pairs(read(tmp_path, completions(A=9, B=9, C=8, D=3, E=1), ranked_pairs=how))) == sorted(expected)


def test_a_pair_keeps_by_how_much_its_scores_differ_and_ranks_alone_say_nothing_of_it(tmp_path: Path) -> None:
    found = read(tmp_path, completions(A=9.0, B=6.5), {"prompt": "Who?", "responses": ["A", "B"], "ranking": [1, 2]})
    assert [row.get("margin") for row in found.tables["preferences"]] == [2.5, None]


@pytest.mark.parametrize(
    ("told", "margin"),
    [({"margin": 2}, 2.0), ({"score_chosen": 8.5, "score_rejected": "7"}, 1.5), ({"margin": None}, None), ({"score_chosen": 1.0}, None)],
)
def test_a_stated_pair_may_have_a_margin_or_the_scores_of_both_sides(tmp_path: Path, told: dict[str, Any], margin: float | None) -> None:
    found = read(tmp_path, {"prompt": "Why?", "chosen": "A", "rejected": "B"} | told)
    assert [row.get("margin") for row in found.tables["preferences"]] == [margin]
    assert found.counts()["unknown_columns"] == {}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Why?", "responses": ["A", "B"]}, "rank_missing"),
        (completions(A=9, B=None), "rank_missing"),
        (completions(A=9, B="good"), "rank_missing"),
        (completions(A=5, B=5, C=5), "all_ranks_tied"),
        (completions(A=5), "single_answer"),
        ({"prompt": "Why?", "responses": ["A", "B"], "ranking": [1]}, "ranks_do_not_match_answers"),
        ({"prompt": "Why?", "responses": ["A", "B"], "ranking": "A>B"}, "ranks_do_not_match_answers"),
        ({"prompt": "Why?", "responses": ["A", "B", " "], "ranking": [1, 2, 2]}, "empty_answer"),
        ({"prompt": "Why?", "responses": ["A", None], "ranking": [1, 2]}, "null_text"),
        ({"prompt": "Why?", "responses": ["A", "A"], "ranking": [1, 2]}, "chosen_equals_rejected"),
        ({"prompt": "Why?", "responses": ["A", "B"], "ranking": [1, 2], "scores": [1.0, 2.0]}, "rank_and_score_disagree"),
        ({"prompt": "Why?", "chosen": "A", "rejected": "B", "score_chosen": 1, "score_rejected": 2}, "rank_and_score_disagree"),
        ({"prompt": "Why?", "chosen": "A", "rejected": "B", "margin": -1}, "rank_and_score_disagree"),
        ({"prompt": "Why?", "answer_a": "A", "answer_b": "B", "winner": "left"}, "vote_is_not_a_b_or_tie"),
        ({"prompt": "Why?", "answer_a": "A", "answer_b": "B"}, "vote_is_not_a_b_or_tie"),
        ({"prompt": "Why?", "answer_a": "A", "answer_b": "", "winner": "a"}, "empty_answer"),
        ({"prompt": "Why?", "answer_a": "A", "answer_b": "A", "winner": "a"}, "chosen_equals_rejected"),
    ],
)
def test_what_orders_nothing_goes_to_the_quarantine_as_a_whole(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    found = read(tmp_path, {"prompt": "Good?", "chosen": "A", "rejected": "B"}, row)
    assert pairs(found) == ["A>B"]
    assert [(one.line, one.reason) for one in found.bad] == [(2, reason)]


def test_an_answer_beside_answers_that_nothing_ranks_is_an_instruction_still(tmp_path: Path) -> None:
    found = read(tmp_path, {"question": "Why?", "answer": "So.", "answers": ["So.", "Thus."]})
    assert [row["messages"][1]["content"] for row in found.tables["instructions"]] == ["So."]
    assert found.counts()["unknown_columns"] == {"a.jsonl": {"answers": 1}}


def test_the_pairs_of_one_prompt_are_never_parted(tmp_path: Path) -> None:
    rows = [completions(A=4, B=3, C=2, D=1) | {"instruction": f"Question {number}?"} for number in range(60)]
    found = read(tmp_path, *rows)
    parts: dict[str, set[str]] = {}
    for row in found.tables["preferences"]:
        parts.setdefault(row["prompt"][0]["content"], set()).add(row["part"])
    assert len(found.tables["preferences"]) == 360
    assert all(len(part) == 1 for part in parts.values())
    assert sum(part == {"test"} for part in parts.values()) in range(1, 20)


def vote(winner: str, voter: str | None = None, shown: str = "AB", prompt: str = "Why?") -> dict[str, Any]:
    return {"prompt": prompt, "answer_a": shown[0], "answer_b": shown[1], "winner": winner, "voter": voter, "when": "2026-01-01"}


@pytest.mark.parametrize(
    "row",
    [
        vote("a", "Ada"),
        {"messages": [ASK], "response_a": "A", "response_b": "B", "chosen": "a"},
        {"prompt": "Why?", "answer_a": "B", "answer_b": "A", "choice": "B"},
        {
            "conversation_a": [ASK, {"role": "assistant", "content": "A"}],
            "conversation_b": [ASK, {"role": "assistant", "content": "B"}],
            "winner": "model_a",
            "judge": "Ada",
            "tstamp": 1.0,
        },
    ],
)
def test_every_shape_of_a_vote_gives_the_pair(tmp_path: Path, row: dict[str, Any]) -> None:
    found = read(tmp_path, row)
    assert [(one["prompt"], one["chosen"], one["rejected"]) for one in found.tables["preferences"]] == [([ASK], "A", "B")]
    assert found.counts()["unknown_columns"] == {}


def test_ties_are_dropped_and_counted_and_the_majority_of_many_votes_decides(tmp_path: Path) -> None:
    rows = [vote("a"), vote("b"), vote("b", shown="BA"), vote("tie"), vote("tie (bothbad)", prompt="Who?")]
    found = read(tmp_path, *rows, vote("a", prompt="Where?"), vote("b", prompt="Where?"))
    assert pairs(found) == ["A>B"]
    assert found.bad == []
    assert found.counts()["votes"] == {"votes": 7, "ties": 2, "pairs": 1, "pairs_without_majority": 2}
    assert "7 votes, 2 ties, 1 pairs, 2 pairs without majority" in found.told()


def test_of_one_voter_the_last_vote_counts(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, vote("a", "Ada"), vote("a", "Ada"), vote("b", "Ada"), vote("b", "Bo"), vote("a", "Cy"))) == ["B>A"]


def test_votes_that_decide_nothing_are_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the 2 votes in"):
        read(tmp_path, vote("tie"), vote("tie", prompt="Who?"))


def test_files_of_rankings_and_votes_are_told_from_text_by_their_columns() -> None:
    for row in (completions(A=1, B=2), vote("a")):
        assert holds_dialogues(frozenset(row))
    assert not holds_dialogues(frozenset(["title", "text", "responses", "winner"]))
