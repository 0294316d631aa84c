"""What the stages were told and what they measured, as the page, the table and the Markdown read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.files import read_json
from pipeline.report.learning import Rows, read_rows
from pipeline.report.lineage import Edge

Metrics = Mapping[str, Any]
EVALUATE = "evaluate/"  # of the stages' names


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What the stages were told and what they measured, by stage; None for one that has not run."""

    settings: Mapping[str, Any]  # in the order of the data
    edges: Sequence[Edge]
    metrics: Mapping[str, Metrics | None]
    curves: Mapping[str, Rows | None]
    words: Sequence[str] = ()  # that say what is not as in conf/
    deviations: Sequence[Mapping[str, str]] = ()  # key, value, default of each

    @classmethod
    def read(cls, plan: Mapping[str, Any], metrics: Path, plots: Path, *, without: str) -> "RunRecord":
        """What lies in these folders of the stages in the plan; the stage `without` is the one that asks."""
        names = [stage["name"] for stage in plan["stages"] if stage["name"] != without]
        files = {name: metrics / f"{name}.json" for name in names}
        return cls(
            settings={stage["name"]: stage["settings"] for stage in plan["stages"]},
            edges=[tuple(edge) for edge in plan["edges"]],
            metrics={name: read_json(path) if path.is_file() else None for name, path in files.items()},
            curves={name: read_rows(path) for name in names if (path := plots / f"{name}.csv").is_file()},
            words=plan.get("words", ()),
            deviations=plan.get("deviations", ()),
        )

    def of(self, group: str) -> dict[str, Metrics | None]:
        """The metrics of the entries of a list, by entry."""
        return {name.removeprefix(f"{group}/"): found for name, found in self.metrics.items() if name.startswith(f"{group}/")}

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        """What the models were asked."""
        asked = (own["tasks"] for name, own in self.settings.items() if name.startswith(EVALUATE))
        return next(asked, {})

    @property
    def models(self) -> dict[str, Path]:
        """The folders of the models that were evaluated, by name."""
        names = [name.removeprefix(EVALUATE) for name in self.settings if name.startswith(EVALUATE)]
        return {name: Path(self.settings[f"{EVALUATE}{name}"][f"models.{name}"]) for name in names}

    @property
    def reference(self) -> str:
        """The name of the model that the contest compares the others with; `the reference` where nobody told it."""
        told = self.settings.get("contest", {}).get("contest", {})
        return {str(folder): name for name, folder in self.models.items()}.get(str(told.get("reference")), "the reference")

    @property
    def own(self) -> set[str]:
        """The names of those that stages of this run have made: all of one shape."""
        parts = [part for section in self.settings.values() for part in section.values() if isinstance(part, Mapping)]
        made = {str(part["target"]) for part in parts if "target" in part}
        return {name for name, folder in self.models.items() if made & {str(folder), *map(str, folder.parents)}}
