"""`make size`: a budget is read, and becomes settings that the chain takes."""

import json

import pytest

from apps import size as command
from apps.size import Budget
from pipeline.core.errors import InputError
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


def test_it_proposes_settings_that_the_chain_takes(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr(command, "TIMED_S", 0.0)
    monkeypatch.setattr(command, "STEPS", 1)
    monkeypatch.setattr(command, "TOKENS", tmp_path / "absent")
    monkeypatch.setattr(command, "SETTINGS", params := tmp_path / "params.yaml")
    params.write_text(json.dumps(plain(compose(["size=smoke"]))))
    monkeypatch.setattr("sys.argv", ["size", "3e12 flops"])
    command.main()
    said = capsys.readouterr().out
    words = said[said.index('SET="') + 5 :].split('"')[0].split()
    settings = plain(compose(words))
    assert settings["model"]["layers"] == 2
    tokens = float(settings["pretrain"]["duration"].removesuffix("tokens"))
    assert "not known before" in said
    assert 3e12 / (6 * tokens) == pytest.approx(1e5, rel=0.9)
