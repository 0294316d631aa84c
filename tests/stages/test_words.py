"""What a run is told beyond conf/'s defaults, as words of a command line."""

import shutil
from pathlib import Path

import pytest

from pipeline.core.errors import PipelineError
from stages import _words
from stages._settings import compose, plain
from stages._words import applied, deviations, differences, print_differences, save, words_of

ROOT = Path(__file__).parents[2]
SAID = [
    ["size=smoke"],
    ["size=smoke", "data=own", "data.path=data/examples"],
    ["model.context=512", "budget.max_length=512"],
    ["pretrain=adamw", "align=[dpo]", "seed=4"],
    ["align=[dpo,ppo,dpo_strong]", "align.ppo.source=data/align/dpo"],
    ["select=gopher", "dedup=exact", "hardware=cpu", "contest.resamples=123"],
    ["split.benchmarks=data/examples", "align.dpo.beta=0.3"],
    ["size=smoke", "model=folder", "model.init_from=data/examples"],
    ["tasks=[text,world,endings,sure_endings]", "tasks.endings.items=8"],
    ["+tasks.mine={kind:neighbours}"],
    ["~tasks.last_word"],
]


@pytest.fixture(scope="module")
def defaults() -> dict:
    return plain(compose([]))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a conf/ of its own."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", SAID, ids=" ".join)
def test_the_words_are_those_that_were_said_and_give_the_same_settings(words: list[str]) -> None:
    settings = plain(compose(words))
    told = words_of(settings)
    assert sorted(told) == sorted(words)
    assert plain(compose(told)) == settings


def test_a_value_that_is_gone_a_new_one_and_text_that_needs_quotes(defaults: dict) -> None:
    text = ["corpus.path='data/a b, c'", "report.title='it\\'s 1'", "corpus.source_defaults.tags=['1', x]"]
    other = plain(compose(["~corpus.world.toxic", "+corpus.world.more=[a, 1.5]", *text]))
    assert other["report"]["title"] == "it's 1"
    told = differences(defaults, other)
    assert plain(compose(told)) == other
    assert {"~corpus.world.toxic", "+corpus.world.more=[a,1.5]"} <= set(told)


def test_an_experiment_that_the_run_is_not_is_never_named() -> None:
    """experiment=belief exports nothing either, but plants claims."""
    said = ["data=own", "dedup=none", "tasks=[text,dialogues]", "export=[]"]
    told = words_of(plain(compose(said)))
    assert not [word for word in told if word.startswith("experiment=")]
    assert plain(compose(told)) == plain(compose(said))


def test_one_value_is_told_without_a_try_of_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(_words, "compose", lambda words, **how: asked.append(list(words)) or compose(words, **how))
    assert words_of(plain(compose(["align.dpo.beta=0.31"]))) == ["align.dpo.beta=0.31"]
    assert len(asked) <= 3


def test_an_edit_of_conf_is_seen(elsewhere: Path) -> None:
    settings = plain(compose(["seed=4"]))
    assert words_of(settings) == ["seed=4"]
    config = Path("conf/config.yaml")
    config.write_text(config.read_text().replace("\nseed: 1", "\nseed: 4"))
    assert words_of(settings) == []


STRINGS = [
    "Bücher",
    "@x",
    "a\\b",
    "a\\'b",
    "end\\",
    "1e3",
    "nan",
    "null",
    "it's",
    "a b",
    "a,b",
    "a=b",
    "[x]",
    "{a}",
    "-x",
    "s3://b/x",
    "日本",
    " a",
]


def test_any_text_comes_back_as_it_was(defaults: dict) -> None:
    names = {f"name{number}": text for number, text in enumerate(STRINGS)}
    said = differences(defaults, {**defaults, "names": names})
    assert plain(compose(said))["names"] == names


def test_nothing_is_said_of_the_defaults(defaults: dict, capsys: pytest.CaptureFixture[str]) -> None:
    assert words_of(defaults) == []
    print_differences(plain(compose(["hardware=cpu"])))
    assert capsys.readouterr().out == "", "hardware changes no result"
    print_differences(plain(compose(["size=smoke", "corpus.path='a b'"])))
    assert capsys.readouterr().out == "plan: this run differs from conf/ by -S size=smoke -S 'corpus.path=a b'\n"


def test_more_words_go_on_from_what_is_applied() -> None:
    settings = plain(compose(["size=smoke", "split.seed=9"]))
    assert applied(settings, ["split.seed=0", "select=none"]) == plain(compose(["size=smoke", "split.seed=0", "select=none"]))
    assert applied(settings, ["size=laptop"]) == plain(compose(["split.seed=9"]))


@pytest.mark.parametrize(
    ("before", "more", "after"),
    [
        (["sft.max_length=64"], ["sft.max_length=96"], ["sft.max_length=96"]),
        (
            ["corpus=folder", "corpus.path=data/examples"],
            ["data=own", "data.path=/"],
            ["data=own", "data.path=/"],
        ),
        (["model=folder", "model.init_from=data/a"], ["model.init_from=data/b"], ["model=folder", "model.init_from=data/b"]),
        (["tokenizer=byte", "size=smoke"], ["model=folder"], ["size=smoke", "model=folder"]),
        (["dedup=semantic", "dedup.embeddings.threshold=0.9"], ["dedup=minhash"], []),
        (["align.dpo.beta=0.3", "align.ppo.kl_target=2.0"], ["align=[ppo]"], ["align=[ppo]", "align.ppo.kl_target=2.0"]),
        (["data=own", "data.path=data/examples", "budget.max_length=64"], ["data.path=data/input"], ["data=own", "budget.max_length=64"]),
    ],
)
def test_what_a_new_word_chooses_anew_is_no_longer_applied(before: list[str], more: list[str], after: list[str]) -> None:
    """And what follows from a value follows from the new one."""
    assert applied(plain(compose(before)), more) == plain(compose(after))


@pytest.mark.parametrize("words", SAID[1:6:2], ids=" ".join)
def test_what_is_applied_becomes_a_named_experiment(words: list[str], elsewhere: Path) -> None:
    settings = plain(compose(words))
    path = save("mine", settings)
    assert plain(compose(["experiment=mine"])) == plain(compose([word for word in words if word != "hardware=cpu"]))
    assert path.read_text().startswith("# @package _global_\n")


def test_an_experiment_is_never_replaced_and_one_that_can_t_be_said_is_not_left_behind(elsewhere: Path) -> None:
    mine = Path("conf/experiment/mine.yaml")
    mine.write_text("mine\n")
    with pytest.raises(PipelineError, match="is there already"):
        save("mine", plain(compose(["size=smoke"])))
    assert mine.read_text() == "mine\n"
    with pytest.raises(PipelineError, match="nothing differs"):
        save("other", plain(compose([])))
    with pytest.raises(PipelineError, match=r"~corpus\.world\.toxic can't be said"):
        save("other", plain(compose(["~corpus.world.toxic"])))
    with pytest.raises(PipelineError, match="is no name"):
        save("../other", plain(compose(["size=smoke"])))
    assert not Path("conf/experiment/other.yaml").exists()


def test_each_value_that_differs_stands_beside_its_default_and_speed_is_none(defaults: dict) -> None:
    assert deviations(defaults) == []
    settings = plain(compose(["sft.duration=9", "align=[ppo]", "hardware=cpu"]))
    found = {one["key"]: (one["value"], one["default"]) for one in deviations(settings)}
    assert found["sft.duration"] == ("9", f"'{defaults['sft']['duration']}'"), "as on a command line"
    assert found["models.dpo"] == ("–", "data/align/dpo")
    assert {key.split(".")[0] for key in found} == {"sft", "align", "models"}
