"""dvc.yaml with its lists written out. (That DVC sees the same is a rule of the house.)"""

import pytest

from pipeline.core.blocks import blocks_of, edges_of
from pipeline.core.errors import PipelineError

PIPELINE = {
    "stages": {
        "read": {"cmd": "stages/python -m stages.read", "deps": ["${read.path}"], "params": ["read"], "outs": ["data/read"]},
        "align": {
            "foreach": "${align}",
            "do": {
                "cmd": "stages/python -m stages.align.${item.method} ${key}",
                "deps": ["plan/code/align/${item.method}.json", "${item.source}"],
                "params": ["align.${key}"],
                "outs": ["data/align/${key}"],
                "metrics": [{"metrics/align/${key}.json": {"cache": False}}],
            },
        },
        "score": {"foreach": "${models}", "do": {"deps": ["${item}"], "outs": ["data/score/${key}"]}},
        "tell": {"deps": ["data/score", "metrics"], "outs": ["data/tell"]},
    }
}
SETTINGS = {
    "read": {"path": "data/input"},
    "align": {"dpo": {"method": "dpo", "source": "data/read"}, "more": {"method": "dpo", "source": "data/align/dpo"}},
    "models": {"base": "data/read", "more": "data/align/more"},
}


def test_a_list_is_a_stage_an_entry_with_every_template_filled_in() -> None:
    blocks = {block.name: block for block in blocks_of(PIPELINE, SETTINGS)}
    assert list(blocks) == ["read", "align@dpo", "align@more", "score@base", "score@more", "tell"]
    more = blocks["align@more"]
    assert (more.module, more.entry, more.folder) == ("stages.align.dpo", "more", "align/more")
    assert more.deps == ("plan/code/align/dpo.json", "data/align/dpo")
    assert (more.params, more.outs, more.notes) == (("align.more",), ("data/align/more",), ("metrics/align/more.json",))
    assert blocks["score@more"].deps == ("data/align/more",)
    assert (blocks["read"].entry, blocks["read"].deps) == (None, ("data/input",))


def test_a_folder_that_holds_outs_is_an_edge_from_each() -> None:
    edges = edges_of(blocks_of(PIPELINE, SETTINGS))
    assert ("align@dpo", "align@more") in edges
    assert {source for source, reader in edges if reader == "tell"} == {"align@dpo", "align@more", "score@base", "score@more"}


def test_an_empty_list_is_no_stage() -> None:
    names = [block.name for block in blocks_of(PIPELINE, {**SETTINGS, "align": {}, "models": {}})]
    assert names == ["read", "tell"]


def test_a_setting_that_is_not_there_is_named() -> None:
    with pytest.raises(PipelineError, match=r"the setting align\.dpo\.method") as fault:
        blocks_of(PIPELINE, {**SETTINGS, "align": {"dpo": {"source": "x"}}})
    assert "conf/" in fault.value.mend
    with pytest.raises(PipelineError, match=r"the setting read\.path"):
        blocks_of(PIPELINE, {**SETTINGS, "read": {}})
