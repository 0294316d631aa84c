"""The terminal's chat: a model by name or folder, a history, and commands between."""

import io
from pathlib import Path

import pytest

from apps import chat
from apps.playground import __main__ as play
from tests.playground import SAID, THOUGHT, playground_run  # noqa: F401 - a fixture

MILL, FOX = SAID["Where is the mill?"], SAID["Who are you?"]


@pytest.fixture
def here(playground_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    monkeypatch.chdir(playground_run)
    return playground_run


def talked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, *options: str) -> tuple[list[str], str]:
    monkeypatch.setattr("sys.argv", ["chat", *options])
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    chat.main()
    out, err = capsys.readouterr()
    return out.splitlines(), err


def test_the_last_model_answers_and_others_by_name_folder_and_search(here: Path, monkeypatch, capsys) -> None:
    assert talked(monkeypatch, capsys, "Where is the mill?\n")[0] == [MILL]
    for options in (["sft-F16"], ["data/sft"], ["data/sft", "--beams", "2"], ["sft", "--draft", "data/pretrain"]):
        assert talked(monkeypatch, capsys, "Where is the mill?\n", *options)[0] == [MILL]


def test_what_was_said_can_be_seen_taken_back_asked_anew_and_forgotten(here: Path, monkeypatch, capsys) -> None:
    out, err = talked(
        monkeypatch, capsys, "Who are you?\n/again\n/history\n/back\n/history\n/model base\n/model sft\nWhere is the mill?\n/nix\n"
    )
    assert out == [FOX, FOX, "user: Who are you?", f"assistant: {FOX}", MILL]
    assert "there is no /nix" in err
    wild = talked(monkeypatch, capsys, "/temperature 5\n/seed 3\nWho are you?\n/reset\n/seed 3\n/temperature 11\n/back\n")
    assert wild[0] != [FOX]
    assert "--temperature: Input should be less than or equal to 10" in wild[1]
    assert "nothing was asked yet" in wild[1]
    _, told = talked(monkeypatch, capsys, "Where is the mill?\n" * 9, "sft", "--system", "Be kind.")
    assert "no longer read: the first 6 messages; the model reads 128 tokens" in told


def test_thoughts_are_shown_and_not_told_again(here: Path, monkeypatch, capsys) -> None:
    ((question, (thought, said)),) = THOUGHT.items()
    out, err = talked(monkeypatch, capsys, f"{question}\n/history\n/thinking 2\n/again\n/thinking 99\n/again\n/thinking off\n")
    assert out[:3] == [f"<think>{thought}</think>{said}", f"user: {question}", f"assistant: {said}"]
    assert out[3].split("</think>")[0] != f"<think>{thought}", "closed early"
    assert "leaves none for an answer" in err


def test_a_model_or_an_option_that_is_none_is_named(here: Path, monkeypatch, capsys) -> None:
    for options, fault in (
        (["dpo"], "there is no model 'dpo'"),
        (["data/nothing"], "is no model"),
        (["--top-k", "3"], "no effect"),
        (["sft-F16", "--beams", "2"], "neither --beams"),
        (["--beams", "2", "--temperature", "1"], "takes no draft"),
        (["--max-new", "0"], "--max-new"),
    ):
        with pytest.raises(SystemExit, match=fault):
            talked(monkeypatch, capsys, "", *options)


def test_the_playground_begins_with_the_last_model_and_takes_more(here: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", ["play", "mine=data/pretrain", "--voter", "Bo"])
    shelf, setup = play.prepared(play.arguments())
    assert list(shelf.places) == ["base", "sft", "sft-F16", "mine"]
    assert (setup.final, setup.voter, setup.draw["temperature"]) == ("sft", "Bo", 0.7)
    assert setup.names == play.OWN
    for wrong in ("mine", "mine=nowhere"):
        monkeypatch.setattr("sys.argv", ["play", wrong])
        with pytest.raises(play.PipelineError):
            play.prepared(play.arguments())
    with pytest.raises(play.PipelineError, match="can't listen"):
        play.bound("192.0.2.1", 80)
