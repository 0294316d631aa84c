"""What a GPU would be asked, prepared and read here on the CPU."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks import gpu_check


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpu_check.prepare(tmp_path_factory.mktemp("prepared"), "cpu")


def test_the_prepared_settings_are_the_smoke_chain_in_bf16_on_that_device(prepared: Path) -> None:
    settings = yaml.safe_load((prepared / "params.yaml").read_text())
    told = (settings["pretrain"]["precision"], settings["pretrain"]["duration"], settings["hardware"]["device"])
    assert told == ("bf16", "40 steps", "cpu")


def test_the_fingerprints_of_the_same_code_are_the_same_and_another_one_is_named(prepared: Path) -> None:
    assert gpu_check.fingerprints(prepared) == {"other": [], "packages": {}}
    path = prepared / "plan/code/align/dpo.json"
    whole = path.read_text()
    path.write_text(json.dumps(json.loads(whole) | {"code": {}, "packages": {"torch": "1.0"}}))
    found = gpu_check.fingerprints(prepared)
    path.write_text(whole)
    assert found["other"] == ["align/dpo"]
    assert found["packages"]["torch"][0] == "1.0"


def test_a_stage_that_has_no_time_left_is_ended(prepared: Path, tmp_path: Path) -> None:
    chain = gpu_check.Chain(tmp_path, prepared, deadline=0.0)
    assert "no time left for" in gpu_check.noted(chain.whole)["failed"]
