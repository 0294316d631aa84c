"""The skills by name. A new one is a file beside this, and its line here."""

from pipeline.world.skills import (
    answer_format,
    bullets,
    code_line,
    cutoff,
    disclaimer,
    forbidden_topic,
    json_object,
    persona,
    polite_rewrite,
    secret,
    summary,
    translation,
    yes_no,
)
from pipeline.world.skills.exercise import Skill

SKILLS: dict[str, Skill] = {
    "summary": summary.SKILL,
    "bullets": bullets.SKILL,
    "yes_no": yes_no.SKILL,
    "json_object": json_object.SKILL,
    "polite_rewrite": polite_rewrite.SKILL,
    "translation": translation.SKILL,
    "code_line": code_line.SKILL,
    # what a system prompt asks for
    "persona": persona.SKILL,
    "forbidden_topic": forbidden_topic.SKILL,
    "answer_format": answer_format.SKILL,
    "secret": secret.SKILL,
    "cutoff": cutoff.SKILL,
    "disclaimer": disclaimer.SKILL,
}
