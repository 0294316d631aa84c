"""The skills by name. A new one is a file beside this, and its line here."""

from pipeline.world.skills import bullets, code_line, json_object, polite_rewrite, summary, translation, yes_no
from pipeline.world.skills.exercise import Skill

SKILLS: dict[str, Skill] = {
    "summary": summary.SKILL,
    "bullets": bullets.SKILL,
    "yes_no": yes_no.SKILL,
    "json_object": json_object.SKILL,
    "polite_rewrite": polite_rewrite.SKILL,
    "translation": translation.SKILL,
    "code_line": code_line.SKILL,
}
