"""Rules are thresholds over statistics; the first that is broken names the reason."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from pipeline.core.errors import PipelineError
from pipeline.text.measure.quality import LanguageRule, Rule, StatisticRule, check_rules, first_broken
from pipeline.text.measure.statistics import measure

ROOT = Path(__file__).parents[2]
PRESETS = ROOT / "conf" / "select"
ENGLISH = "It was the best of times, it was the worst of times, and the cat sat on the mat by the door of the old house. "
JUNK = {
    "empty": ["", "12\n\n13", "..."],
    "gibberish": ["xkq zzrtp wvbn qqq lkjh dfg " * 9, "12 34 # 56 % 78 & 90 " * 9, "kkkkkkkkkkkkkkkkkkkkkk aaaaaaaaaaaaaaaaaaaa " * 9],
    "foreign": [
        "Der alte Müller sieht das kleine Haus hinter dem Wald und die junge Bäckerin verkauft das frische Brot in der Stadt.",
        "Старый мельник смотрит на маленький дом за лесом, а его сестра продаёт хлеб в городе.",
        "老磨坊主看着树林后面的小房子，他的妹妹在城里卖面包，他的哥哥在河边看着一座美丽的桥，等待女王的到来。",
    ],
    "repetitive": [(ENGLISH + "\n\n") * 9, "The miller walked home along the river before anyone in the town was awake. " * 20],
    "toxic": [ENGLISH + "You damn bastard, you stupid jackass, go to hell, you ugly whore and your fucking slut."],
}


def preset(name: str) -> tuple[Rule, ...]:
    rules = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())["rules"]
    return TypeAdapter(tuple[Rule, ...]).validate_json(json.dumps(rules))


def told(texts: list[str], rules: tuple[Rule, ...]) -> list[tuple[str | None, float | None]]:
    statistics = measure(pa.array([str(place) for place in range(len(texts))]), pa.array(texts), language_characters=300)
    reasons, values = first_broken(statistics, rules)
    return list(zip(reasons.to_pylist(), values.to_pylist(), strict=True))


@pytest.mark.parametrize("reason", JUNK)
def test_each_kind_of_junk_breaks_its_rule(reason: str) -> None:
    assert [found for found, _ in told(JUNK[reason], preset("default"))] == [reason] * len(JUNK[reason])


def test_english_breaks_no_rule() -> None:
    assert told([ENGLISH], preset("default")) == [(None, None)]


@pytest.mark.parametrize("name", ["default", "gopher", "c4", "fineweb", "code", "none"])
def test_a_preset_asks_only_for_what_is_measured(name: str) -> None:
    columns = measure(pa.array(["a"]), pa.array([ENGLISH]), language_characters=300).column_names
    check_rules(preset(name), columns)


def test_the_preset_for_code_keeps_the_code_of_this_repository_and_drops_data_and_minified_files() -> None:
    modules = [text for path in sorted((ROOT / "pipeline").rglob("*.py")) if len(text := path.read_text(encoding="utf-8")) > 300]
    assert set(told(modules, preset("code"))) == {(None, None)}
    minified = "".join(f"var a{i}=f(b{i});" for i in range(200))
    assert [reason for reason, _ in told([minified, "0 1 22 3 " * 100], preset("code"))] == ["long_lines", "long_lines"]
    assert [reason for reason, _ in told(["\n".join("1 2 3 4" for _ in range(100))], preset("code"))] == ["data"]


def test_the_first_broken_rule_is_the_reason_and_its_value_is_told() -> None:
    short = StatisticRule(name="short", statistic="words", min=4, max=None)
    long = StatisticRule(name="long", statistic="words", min=None, max=5)
    plain = StatisticRule(name="plain", statistic="lines", min=None, max=0)
    assert told(["one two", "one two three four", "a b c d e f"], (short, long, plain)) == [("short", 2), ("plain", 1), ("long", 6)]


def test_the_bounds_themselves_are_allowed() -> None:
    assert told(["one two"], (StatisticRule(name="exact", statistic="words", min=2, max=2),)) == [(None, None)]


def test_a_language_counts_only_where_the_model_is_sure() -> None:
    german = JUNK["foreign"][0]
    assert told([german, ENGLISH], (LanguageRule(name="foreign", languages=("en",), min_probability=0.5),))[1] == (None, None)
    assert told([german], (LanguageRule(name="foreign", languages=("en", "de"), min_probability=0.0),)) == [(None, None)]
    ((reason, value),) = told([german], (LanguageRule(name="foreign", languages=("en",), min_probability=0.0),))
    assert reason == "foreign"
    assert told([german], (LanguageRule(name="foreign", languages=("en",), min_probability=float(value or 0) + 0.0001),)) == [(None, None)]


def test_an_unknown_statistic_is_named_with_those_that_there_are() -> None:
    with pytest.raises(PipelineError, match=r"unknown statistics wrods; clean measures characters, words"):
        check_rules((StatisticRule(name="short", statistic="wrods", min=1, max=None),), ["id", "characters", "words", "language"])


@pytest.mark.parametrize("rule", [{"name": "a"}, {"name": "a", "statistic": "words", "min": 1}, {"name": "a", "languages": ["en"]}])
def test_a_rule_of_neither_kind_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(tuple[Rule, ...]).validate_json(json.dumps([rule]))


@pytest.mark.shared
def test_no_book_breaks_a_default_rule_but_the_one_that_is_a_list_of_files(real: Path) -> None:
    paths = sorted((real / "books").rglob("*.txt"))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    middles = [text[len(text) // 4 : 3 * len(text) // 4] for text in texts]  # without licences and contents
    found = {path.name: reason for path, (reason, _) in zip(paths, told(middles, preset("default")), strict=True) if reason}
    assert found == {"old_pandp09.txt": "gibberish"}
