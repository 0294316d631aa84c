"""The questions that an empty conversation offers."""

from pathlib import Path

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.serve.examples import LONGEST, examples_of


def asked(*texts: str) -> list[dict[str, object]]:
    return [{"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]} for text in texts]


def written(folder: Path, **tables: list[dict[str, object]]) -> Path:
    with Dialogues(folder).writing() as draft:
        for name, rows in ({"instructions": [], "preferences": []} | tables).items():
            write_jsonl(draft.path / f"{name}.jsonl", rows)
    return folder


def test_they_are_short_questions_of_several_kinds_and_the_same_each_time(tmp_path: Path) -> None:
    many = [f"Where does {name} live?" for name in ("Ada", "Bo", "Cy", "Dan", "Eve")]
    folder = written(tmp_path / "dialogues", questions=asked(*many, "Who are you?", "Two\nlines?", "Long? " * LONGEST))
    found = examples_of(folder)
    assert len(found) == len(set(found)) == 3
    assert "Who are you?" in found
    assert set(found) <= {*many, "Who are you?"}
    assert examples_of(folder) == found


def test_without_questions_they_are_prompts_of_what_is_learned_and_without_whole_dialogues_there_are_none(tmp_path: Path) -> None:
    folder = written(tmp_path / "dialogues", instructions=[{"messages": asked("Who keeps the mill?")[0]["prompt"]}])
    assert examples_of(folder) == ["Who keeps the mill?"]
    (folder / "manifest.json").unlink()
    assert examples_of(folder) == examples_of(tmp_path / "elsewhere") == []
