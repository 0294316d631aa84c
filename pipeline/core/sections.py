"""Some settings of a section, as what they are in code: for who reads params.yaml beside the stages, which the plan has checked."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def part_of(section: Mapping[str, Any], kind: type[T]) -> T:
    """The keys of a section that belong to a dataclass."""
    return TypeAdapter(kind).validate_json(json.dumps({one.name: section[one.name] for one in fields(kind)}))  # type: ignore[arg-type]
