"""Three-way merge of settings: what an experiment set stays, what conf/ changed comes in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pipeline.core.errors import PipelineError

MOST_KEYS = 12  # on the terminal
ABSENT = object()  # a key that one side does not have; None is a value


@dataclass(frozen=True, kw_only=True)
class Merge:
    """The merged settings, and the dotted keys by what became of them."""

    value: dict[str, Any]
    kept: list[str]  # set by an experiment, unchanged in conf/
    taken: list[str]  # changed in conf/
    conflicts: list[str]  # changed by both, differently


def three_way(base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Merge:
    """Merge `mine` (params.yaml as it stands) with `theirs` (conf/ composed now) over `base` (conf/ composed last)."""
    result = Merge(value={}, kept=[], taken=[], conflicts=[])
    _merge(base, mine, theirs, "", result.value, result)
    return result


def settle(base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The merged settings; what came in is printed. PipelineError when both sides changed a value."""
    merge = three_way(base, mine, theirs)
    if merge.conflicts:
        mend = "`make reset` takes conf/ and drops the experiment; or write the experiment's values into conf/experiment/NAME.yaml"
        raise PipelineError(f"set by an applied experiment and changed in conf/ as well: {', '.join(merge.conflicts)}", mend=mend)
    if merge.taken:
        more = f" and {len(merge.taken) - MOST_KEYS} values more" if len(merge.taken) > MOST_KEYS else ""
        print(f"plan: new from conf/: {', '.join(merge.taken[:MOST_KEYS])}{more}")
    return merge.value


def value_at(settings: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key."""
    return reduce(lambda section, name: section[name], key.split("."), settings)


def _merge(base: Any, mine: Any, theirs: Any, path: str, into: dict[str, Any], result: Merge) -> None:
    keys = list(theirs) + [key for key in mine if key not in theirs]
    for key in keys:
        where = f"{path}.{key}" if path else str(key)
        old, own, new = (side.get(key, ABSENT) for side in (base, mine, theirs))
        if all(isinstance(side, Mapping) for side in (own, new)):
            _merge(old if isinstance(old, Mapping) else {}, own, new, where, into.setdefault(key, {}), result)
            continue
        chosen = new
        if same(own, new):
            pass
        elif same(old, new):
            chosen = own
            result.kept.append(where)
        elif same(old, own):
            result.taken.append(where)
        else:
            result.conflicts.append(where)
        if chosen is not ABSENT:
            into[key] = chosen


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1, 1.0 and True apart, as DVC's parameters do not but a type check does."""
    return left is right or (type(left) is type(right) and bool(left == right))
