"""What the rules of select ask for, in words."""

from pipeline.report.figures import number
from pipeline.text.measure.metadata_rules import DateRule, MetadataRule
from pipeline.text.measure.quality import LanguageRule, Rule


def allowed(rule: Rule) -> str:
    """What a rule asks for, in words."""
    if isinstance(rule, MetadataRule):
        return _asked(rule)
    if isinstance(rule, LanguageRule):
        return f"{', '.join(rule.languages)}, unless less than {number(rule.min_probability)} sure"
    if rule.min is not None and rule.max is not None:
        return f"{number(rule.min)} to {number(rule.max)}"
    return f"at least {number(rule.min)}" if rule.min is not None else f"at most {number(rule.max)}"


def _asked(rule: MetadataRule) -> str:
    if isinstance(rule, DateRule):
        told = [f"{word} {day}" for word, day in (("from", rule.min), ("to", rule.max)) if day]
    else:
        told = [f"{word} {', '.join(names)}" for word, names in (("only", rule.keep), ("not", rule.drop)) if names]
    return ", ".join([*told, *(["known"] if rule.missing == "drop" else [])])
