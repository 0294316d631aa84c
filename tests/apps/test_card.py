"""The folder to upload: the exported files with a card that tells what is known only after the run."""

from pathlib import Path
from typing import Any

import pytest

from apps import card
from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.scores import Scores
from pipeline.core.errors import ArtifactError
from pipeline.core.files import write_json
from pipeline.export.folders import FOLDERS


@pytest.fixture(params=FOLDERS.values())
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Exports(card.EXPORT).writing() as draft:
        folder = draft.path / request.param
        folder.mkdir()
        (folder / "README.md").write_text("# tiny\n")
        (folder / "model.safetensors").write_bytes(b"weights")
        draft.facts["source"] = "dpo"
    rows = [{"model": "dpo", "task": "facts", "metric": "accuracy", "value": 0.75, "low": 0.5, "high": 0.875, "n": 40}]
    rows.append({"model": "dpo", "task": "facts", "metric": "wins", "value": None, "low": None, "high": None, "n": 0})
    with Scores("data/evaluate/dpo").writing() as draft:
        write_json(draft.path / "scores.json", rows)
    Path("metrics/export").mkdir(parents=True)
    write_json(Path("metrics/export/gguf.json"), {"fp32": {"perplexity": 3.0}, "Q8_0": {"bytes": 1234, "kl": 4e-5}})
    return tmp_path


def test_the_card_tells_scores_with_intervals_files_and_what_the_rates_give(run: Path) -> None:
    card.LOGS.mkdir(parents=True)
    told = {"seconds": 1800.0, "hardware": {"device": "cpu"}, "machine": "x86_64", "python": "3.11.7"}
    for name in ("pretrain", "sft"):
        write_json(card.LOGS / f"{name}.json", told)
    card.write(price=2.0, watts=100.0)
    text = (card.TARGET / "README.md").read_text()
    assert text.startswith("# tiny\n")
    assert "| facts | accuracy | 0.75 | 0.5 to 0.875 | 40 |" in text
    assert "| facts | wins |  |  | 0 |" in text
    assert "| gguf: Q8_0 | 1,234 | 4e-05 |" in text
    assert "1.00 hours in 2 stages" in text
    assert "about $2.00 at $2 an hour" in text
    assert "about 0.100 kWh at 100 W" in text
    assert (card.TARGET / "model.safetensors").read_bytes() == b"weights"


def test_what_is_not_known_is_said_not_to_be(run: Path) -> None:
    card.write(price=None, watts=None)
    assert "are not stated" in (card.TARGET / "README.md").read_text()


def test_without_an_export_there_is_no_card_and_the_mend_is_told(run: Path) -> None:
    (card.EXPORT / "manifest.json").unlink()
    with pytest.raises(ArtifactError) as fault:
        card.write(price=None, watts=None)
    assert fault.value.mend == ".venv/bin/dvc repro export@transformers"
    assert not card.TARGET.exists()


def test_only_what_is_asked_for_is_pushed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Hub:
        def create_repo(self, name: str, *, exist_ok: bool) -> None:
            calls.append((name, exist_ok))

        def upload_folder(self, *, repo_id: str, folder_path: str) -> None:
            calls.append((repo_id, folder_path))

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    for words in ([], ["--hub", "me/tiny"]):
        monkeypatch.setattr("sys.argv", ["card", *words])
        card.main()
        assert calls == ([("me/tiny", True), ("me/tiny", "card")] if words else [])
