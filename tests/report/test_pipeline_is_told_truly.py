"""What the page and the table say of the pipeline is what dvc.yaml and conf/ say."""

from pipeline.report.headlines import STAGES, work_of
from stages._plan import pipeline_of, told
from stages._settings import compose, plain


def test_the_headlines_know_every_stage_and_list_and_no_other() -> None:
    names = [block.folder for block in pipeline_of(plain(compose(["preferences=[best_of_n]"])))][1:]
    assert list(dict.fromkeys(name.split("/")[0] for name in names)) == list(STAGES)
    assert all(work_of(name).makes for name in names)


def test_the_plan_tells_the_report_the_settings_of_every_stage_and_who_reads_whom() -> None:
    settings = plain(compose([]))
    plan = told(pipeline_of(settings), settings)
    stages = {stage["name"]: stage["settings"] for stage in plan["stages"]}
    assert stages["align/dpo"] == {"align.dpo": settings["align"]["dpo"]}
    assert stages["evaluate/base"] == {"evaluate": settings["evaluate"], "tasks": settings["tasks"], "models.base": "data/pretrain"}
    assert stages["report"] == {"report": settings["report"]}
    assert ["reward", "align/ppo"] in plan["edges"]
    assert ["reward", "align/dpo"] not in plan["edges"]
    assert ["evaluate/ppo", "contest"] in plan["edges"]
    assert {name for edge in plan["edges"] for name in edge} == set(stages)
