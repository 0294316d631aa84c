"""An applied experiment survives an edit in conf/."""

from pipeline.core.merge import three_way

BASE = {"dpo": {"beta": 0.1, "lr": 1e-4}, "seed": 1}


def test_without_any_change_nothing_happens():
    merge = three_way(BASE, BASE, BASE)
    assert merge.value == BASE
    assert merge.kept == merge.taken == merge.conflicts == []


def test_a_value_that_an_experiment_set_stays_and_one_that_conf_changed_comes_in():
    merge = three_way(BASE, {"dpo": {"beta": 0.3, "lr": 1e-4}, "seed": 1}, {"dpo": {"beta": 0.1, "lr": 2e-4}, "seed": 1})
    assert merge.value == {"dpo": {"beta": 0.3, "lr": 2e-4}, "seed": 1}
    assert (merge.kept, merge.taken, merge.conflicts) == (["dpo.beta"], ["dpo.lr"], [])


def test_a_value_changed_by_both_is_a_conflict_unless_they_agree():
    assert three_way({"a": 1}, {"a": 2}, {"a": 3}).conflicts == ["a"]
    agreed = three_way({"a": 1}, {"a": 2}, {"a": 2})
    assert (agreed.value, agreed.conflicts) == ({"a": 2}, [])


def test_keys_that_come_and_go_are_changes():
    merge = three_way({"a": {"x": 1}, "b": 2}, {"a": {"x": 1}, "b": 2, "own": 5}, {"a": {"x": 1, "y": 2}})
    assert merge.value == {"a": {"x": 1, "y": 2}, "own": 5}
    assert (merge.kept, merge.taken) == (["own"], ["a.y", "b"])


def test_another_group_file_with_other_keys_stays():
    merge = three_way({"dedup": {"bands": 20}}, {"dedup": {"exact": True}}, {"dedup": {"bands": 20}})
    assert merge.value == {"dedup": {"exact": True}}


def test_true_is_not_one():
    assert three_way({"a": 1}, {"a": 1}, {"a": True}).taken == ["a"]
