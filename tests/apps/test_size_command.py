"""`make size`: a budget is read, and becomes settings that the chain takes."""

import json
import sys
from collections.abc import Iterator

import pytest
import torch
from rich.console import Console

from apps import size as command
from apps.size import Budget, Measured
from pipeline.core.errors import InputError
from pipeline.model.build import blank
from pipeline.model.count import training_flops
from stages._settings import compose, plain


@pytest.mark.parametrize(
    ("said", "flops"),
    [("30 min", 1800e9), ("2h", 7200e9), ("1e15 flops", 1e15), ("1e15FLOP", 1e15), ("$5", 2 * 3600e9), ("$ 2.5", 3600e9)],
)
def test_a_budget_is_a_time_an_amount_or_a_price(said: str, flops: float) -> None:
    assert Budget.read(said, 2.5).flops_at(1e9) == pytest.approx(flops)


@pytest.mark.parametrize("said", ["", "much", "0 min", "-3 h", "600 steps", "1 year", "0 flops", "$x"])
def test_what_is_no_budget_is_told_with_the_forms(said: str) -> None:
    with pytest.raises(InputError, match="no budget") as fault:
        Budget.read(said, 2.5)
    assert "BUDGET='30 min'" in fault.value.mend


def test_dollars_without_a_price_ask_for_it() -> None:
    with pytest.raises(InputError, match="price") as fault:
        Budget.read("$20", None)
    assert "PRICE=2.50" in fault.value.mend


@pytest.fixture
def quick(monkeypatch, tmp_path) -> Iterator[None]:
    """One step a measurement, at size=smoke, no text yet."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(command, "TIMED_S", 0.0)
    monkeypatch.setattr(command, "STEPS", 1)
    monkeypatch.setattr(command, "TOKENS", tmp_path / "absent")
    monkeypatch.setattr(command, "SETTINGS", params := tmp_path / "params.yaml")
    params.write_text(json.dumps(plain(compose(["size=smoke"]))))
    yield
    torch.set_num_threads(threads)


def said(words: str, capsys) -> tuple[str, dict]:
    """What is printed, and the settings of its last line."""
    sys.argv = ["size", words]
    command.main()
    out = capsys.readouterr().out
    return out, plain(compose(out[out.index('SET="') + 5 :].split('"')[0].split()))


def test_it_proposes_settings_that_the_chain_takes(quick, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", [])
    out, settings = said("3e12 flops", capsys)
    assert settings["model"]["layers"] == 2
    assert "not known before" in out
    assert "GB of a step, 12 rows at once" in out


@pytest.mark.parametrize("tied", [True, False])
def test_the_text_that_it_proposes_costs_the_budget_by_the_operations_that_are_counted(tied, quick, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", [])
    command.SETTINGS.write_text(json.dumps(plain(compose(["size=smoke", f"model.tie_embeddings={str(tied).lower()}"]))))
    _, settings = said("3e12 flops", capsys)
    setting = command.setting_of(plain(compose(["size=smoke"])))
    module = blank(settings["model"] | {"tie_embeddings": tied}, vocabulary=setting.vocabulary)
    tokens = float(settings["pretrain"]["duration"].removesuffix("tokens"))
    assert tokens * training_flops(module, length=setting.row) == pytest.approx(3e12, rel=1e-3)


def test_the_speed_told_is_that_of_the_shape_told(quick, monkeypatch) -> None:
    """Each shape is faster than the one before, so that another one is asked for each time."""
    tried = []

    def measured(shape, setting, **how):
        tried.append(shape["hidden_size"])
        return Measured(4.0 ** len(tried) * 1e11, 1, 1, 1)

    monkeypatch.setattr(command, "measured", measured)
    setting = command.setting_of(plain(compose(["size=smoke"])))
    shape, found = command.proposed(Budget(600.0, None), setting, Console())
    assert (len(tried), shape["hidden_size"]) == (command.ROUNDS, tried[-1])
    assert found.speed == 4.0 ** len(tried) * 1e11
