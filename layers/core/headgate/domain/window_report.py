"""What is told of a judged window: the numbers that alarms see, a sentence, and report.json. Statistics only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.baseline import Baseline, Categories, Feature, Numbers, Seen
from headgate.domain.drift import LEVEL, Drift, Moved
from headgate.domain.evidence import legible
from headgate.domain.gaps import Gap
from headgate.domain.margins import Margins
from headgate.domain.names import Project
from headgate.domain.quality import Loss
from headgate.domain.releases import Release
from headgate.domain.window import Window

FORMAT = 1
SHOWN_CATEGORIES = 12
SHOWN_FEATURES = 200
"""Of more features the ones that moved least are left out of the report."""
_NAMED = 4
_DAMAGED = 0.01


@dataclass(frozen=True, slots=True)
class Judged:
    """A window beside its baseline, and what the rules say; `captured` are the reader's counts."""

    baseline: Baseline
    features: Mapping[str, Seen]
    answers: Seen
    drift: Drift
    gaps: Sequence[Gap]
    captured: Mapping[str, int]


def measures_of(judged: Judged, quality: Loss | None, limits: Margins) -> dict[str, float]:
    """What is published, by the metric's name: more is worse, and 0 is a window with nothing to say.

    What moved is at least at its limit, also where it is no population stability index that tells so.
    """
    drift = judged.drift
    measures: dict[str, float] = {
        "RowsSeen": judged.captured["rows"],
        "DataDrift": max((max(each.psi, limits.psi) for each in drift.drifted), default=0.0),
        "PredictionDrift": max(drift.answers.psi, limits.psi) if drift.answers.drifted else 0.0,
        "MissingFeatures": max((each.missing - each.missing_before for each in lacking(drift)), default=0.0),
    }
    if quality is not None and quality.value is not None:
        measures["QualityLoss"] = quality.loss
    if judged.gaps:
        measures["GroupGap"] = max(gap.widened for gap in judged.gaps)
    return measures


def lacking(drift: Drift) -> list[Moved]:
    """The features that are missing more often than in training."""
    return [each for each in drift.features if each.lacks]


def says_of(judged: Judged, quality: Loss | None) -> str:
    """What the window says, in sentences that name no value of a row."""
    return " ".join(_sentences(judged, quality))


def _sentences(judged: Judged, quality: Loss | None) -> Iterator[str]:
    drift, known = judged.drift, len(judged.features)
    if not judged.captured["rows"]:
        yield "Nothing is known: none of the requests could be read."
        return
    if drifted := drift.drifted:
        yield f"{len(drifted)} of {known} features moved: {_listed([each.name for each in drifted])}."
    if lacks := lacking(drift):
        yield f"Missing more often than in training: {_listed([each.name for each in lacks])}."
    if drift.answers.drifted:
        yield "The answers moved."
    if quality is not None and quality.loss:
        yield f"The version lost {_percent(quality.loss)} of its {quality.metric}."
    if widened := [gap.column for gap in judged.gaps if gap.widened]:
        yield f"Groups are told apart more than before by {_listed(widened)}."
    if not (drifted or lacks or drift.answers.drifted or widened or (quality is not None and quality.loss)):
        yield f"The requests look like the training data: none of {known} features moved."


def report_of(
    project: Project, release: Release, window: Window, judged: Judged, quality: Loss | None, limits: Margins
) -> dict[str, Any]:
    """The content of report.json."""
    by_name = {feature.name: feature for feature in judged.baseline.features}
    shown = judged.drift.features[:SHOWN_FEATURES]
    answers = judged.baseline.answers
    return {
        "format": FORMAT,
        "tenant": project.tenant,
        "project": project.name,
        "release": release.sequence,
        "version": release.version,
        "run": release.run,
        "window": {name: getattr(window, name) for name in ("number", "name", "begun_at", "ended_at", "judged_at")},
        "says": window.says,
        "measures": dict(window.measures),
        "captured": dict(judged.captured),
        "baseline_rows": judged.baseline.rows,
        "limits": asdict(limits) | {"level": LEVEL},
        "features": [
            asdict(each) | {"shape": shape_of(by_name[each.name], judged.features[each.name])} for each in shown
        ],
        "answers": asdict(judged.drift.answers) | {"shape": shape_of(answers, judged.answers)},
        "quality": asdict(quality) if quality else None,
        "gaps": [asdict(gap) for gap in judged.gaps],
        "notes": list(_notes(judged, quality)),
    }


def shape_of(feature: Feature, seen: Seen) -> dict[str, Any]:
    """Both distributions as shares of the rows with a value, to be drawn."""
    now, before = max(1, seen.present), max(1, feature.present)
    if isinstance(feature.spread, Numbers) and not isinstance(seen.counts, Mapping):
        return {
            "edges": list(feature.spread.edges),
            "low": feature.spread.low,
            "high": feature.spread.high,
            "before": [count / before for count in feature.spread.counts],
            "now": [count / now for count in seen.counts],
        }
    assert isinstance(feature.spread, Categories) and isinstance(seen.counts, Mapping)  # noqa: PT018
    names = list(feature.spread.counts)[:SHOWN_CATEGORIES]
    then = [feature.spread.counts[name] for name in names]
    found = [seen.counts.get(name, 0) for name in names]
    return {
        "names": [*names, "all others"],
        "before": [count / before for count in [*then, feature.present - sum(then)]],
        "now": [count / now for count in [*found, seen.present - sum(found)]],
    }


def _notes(judged: Judged, quality: Loss | None) -> Iterator[str]:
    captured = judged.captured
    if captured["malformed"] > _DAMAGED * (captured["requests"] + captured["malformed"]):
        yield f"{captured['malformed']} captured requests could not be read, and {captured['requests']} could."
    if captured["probes"]:
        yield f"{captured['probes']} requests of Headgate's own are left out."
    if quality is None:
        yield "Quality is not judged: no labels came for these requests. `headgate feedback` gives them."
    elif quality.value is None:
        yield f"Quality is not judged: {quality.why}"
    if len(judged.drift.features) > SHOWN_FEATURES:
        yield f"Of {len(judged.drift.features)} features the {SHOWN_FEATURES} that moved most are shown."


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _percent(share: float) -> str:
    return f"{legible(100 * share)} %"
