"""What was found in a dataset, as far as the examination came, and the report of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.columns import Column, Measured
from headgate.domain.grids import FoundGrid
from headgate.domain.series import FoundForecast
from headgate.domain.spec import SpecColumn
from headgate.domain.target import Goal


@dataclass(slots=True)
class Findings:
    """Filled step by step; a refusal leaves it as it was then.

    `identified` tells how the columns of the identity were read. `pictures` is the grid that the pictures of an archive
    became. `times` says when the parts of a forecast begin.

    `settings_version` is the version of project.yaml that was read, None without one. `kind` is the files' format,
    `recipe` what makes a model of them: hashes of the training `code` and of the `settings` that matter to it.
    `seconds` are by stage, `parts` count rows.
    """

    settings_version: str | None = None
    kind: str | None = None
    recipe: dict[str, str] | None = None
    rows: int | None = None
    measured: list[Measured] = field(default_factory=list)
    target: str | None = None
    target_why: str = ""
    goal: Goal | None = None
    columns: list[Column] = field(default_factory=list)
    identity: list[str] = field(default_factory=list)
    identified: list[SpecColumn] = field(default_factory=list)
    pictures: FoundGrid | None = None
    grids: list[FoundGrid] = field(default_factory=list)
    forecast: FoundForecast | None = None
    family: str | None = None
    family_why: str = ""
    times: dict[str, float] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def report(self, verdict: Mapping[str, Any]) -> dict[str, Any]:
        """The content of report.json: the verdict, every inference with its reason, the profile of every column.

        Nothing in it quotes a row: of texts it tells how often the most frequent ones occur, and not which they are.
        """
        return {
            "format": 1,
            **verdict,
            "columns": len(self.measured) or None,
            "kind": self.kind,
            "settings": {"version_id": self.settings_version},
            "recipe": self.recipe,
            "inferred": self._inferred(),
            "dropped": [{"name": column.name, "why": column.why} for column in self.columns if not column.used],
            "profile": [_profile(measured) for measured in self.measured],
            "split": {
                "identity": self.identity,
                "identified": [column.model_dump() for column in self.identified],
                **self.parts,
                **({"times": self.times} if self.times else {}),
            },
            "seconds": self.seconds,
        }

    def _inferred(self) -> list[dict[str, Any]]:
        inferred: list[dict[str, Any]] = []
        if self.target is not None:
            inferred.append({"what": "target", "value": self.target, "why": self.target_why})
        if self.goal is not None:
            chosen = {"task": self.goal.task, "metric": self.goal.metric, "positive": self.goal.positive}
            inferred += [{"what": what, "value": chosen[what], "why": why} for what, why in self.goal.why.items()]
        if self.forecast is not None:
            plan = self.forecast.forecast
            whose = f" for each {' and '.join(plan.entity)}" if plan.entity else ""
            value = f"{plan.steps} steps of {', '.join(plan.channels)}{whose}"
            inferred.append({"what": "forecast", "value": value, "why": self.forecast.why})
        for found in self.grids:
            size = " x ".join(map(str, found.grid.shape))
            inferred.append(
                {"what": f"grid {found.grid.name}", "value": f"{found.grid.kind}, {size}", "why": found.why}
            )
        if self.family is not None:
            inferred.append({"what": "family", "value": self.family, "why": self.family_why})
        in_grids = {name for found in self.grids for name in found.grid.columns}
        return inferred + [
            {"what": f"column {column.name}", "value": column.kind if column.used else "dropped", "why": column.why}
            for column in self.columns
            if column.name not in in_grids
        ]


def _profile(measured: Measured) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": measured.name,
        "storage": measured.storage,
        "missing": measured.missing,
        "distinct": measured.distinct,
    }
    if measured.storage == "number":
        low, high = measured.minimum, measured.maximum
        return facts | {"min": low, "max": high, "mean": measured.mean, "quantiles": measured.quantiles}
    long = {"mean_length": measured.mean_length, "mean_words": measured.mean_words}
    return facts | long | {"most_frequent_counts": measured.most_frequent}
