"""Rules on what is known of a document beside its text: by lists of addresses, a range of dates, names of authors and licenses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from pipeline.core.artifact.metadata import SEVERAL
from pipeline.text.measure.url_lists import UrlLists, listed

Missing = Literal["keep", "drop"]  # what is done with a document that does not state it


@dataclass(frozen=True, kw_only=True)
class UrlRule:
    """A document is dropped whose address a list of `drop` covers, or none of `keep` does where any are named."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    field: Literal["url"]
    keep: tuple[str, ...]  # names of lists in select.url_lists
    drop: tuple[str, ...]
    missing: Missing


@dataclass(frozen=True, kw_only=True)
class DateRule:
    """A document whose date lies outside [min, max] is dropped."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    field: Literal["date"]
    min: date | None
    max: date | None
    missing: Missing


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """A document is dropped that has an author, or a license, of `drop`, or one that is not among `keep` where any are named.

    Case makes no difference; * stands for anything: CC-BY-*.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    field: Literal["author", "license"]
    keep: tuple[str, ...]
    drop: tuple[str, ...]
    missing: Missing


MetadataRule = UrlRule | DateRule | NameRule


def is_idle(rule: MetadataRule) -> bool:
    """Whether it can never, or only, be broken."""
    if isinstance(rule, DateRule):
        if rule.min is None or rule.max is None:
            return rule.min is None and rule.max is None and rule.missing == "keep"
        return rule.min > rule.max
    return not (rule.keep or rule.drop or rule.missing == "drop") or "" in (*rule.keep, *rule.drop)


def lists_of(rules: Sequence[object]) -> list[str]:
    """The lists that the rules name."""
    return list(dict.fromkeys(name for rule in rules if isinstance(rule, UrlRule) for name in (*rule.keep, *rule.drop)))


def breaks(rule: MetadataRule, values: pa.Array, lists: UrlLists) -> pa.Array:
    """Whether each document breaks the rule, given its value of the rule's field or null, [documents]."""
    broken = (
        _outside(rule, values)
        if isinstance(rule, DateRule)
        else _on_lists(rule, values, lists)
        if isinstance(rule, UrlRule)
        else _named(rule, values)
    )
    return pc.if_else(pc.is_valid(values), broken, rule.missing == "drop")


def _outside(rule: DateRule, values: pa.Array) -> pa.Array:
    below = pc.less(values, pa.scalar(rule.min, pa.date32())) if rule.min else pa.scalar(False)
    above = pc.greater(values, pa.scalar(rule.max, pa.date32())) if rule.max else pa.scalar(False)
    return pc.fill_null(pc.or_(below, above), False)


def _on_lists(rule: UrlRule, values: pa.Array, lists: UrlLists) -> pa.Array:
    urls = values.to_pylist()
    broken = listed(urls, [lists[name] for name in rule.drop])
    if rule.keep:
        broken |= ~listed(urls, [lists[name] for name in rule.keep])
    return pa.array(broken)


def _named(rule: NameRule, values: pa.Array) -> pa.Array:
    kept, dropped = _pattern(rule.keep), _pattern(rule.drop)
    coded = values.dictionary_encode()
    names = [one.split(SEVERAL) for one in coded.dictionary.to_pylist()]
    broken = [any(map(dropped.fullmatch, one)) or (bool(rule.keep) and not all(map(kept.fullmatch, one))) for one in names]
    return pa.array(broken, pa.bool_()).take(coded.indices)


def _pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Matches any of the names; nothing if there are none."""
    written = ("".join(".*" if sign == "*" else re.escape(sign) for sign in name) for name in names)
    return re.compile("|".join(f"(?:{one})" for one in written) if names else r"(?!)", re.IGNORECASE)
