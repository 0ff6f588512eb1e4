"""What was seen in a window of requests, and how what several machines saw of it becomes one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from headgate.domain.baseline import Seen
from headgate.domain.names import Project

TOLD_NAMES = 5
"""New categories that are told by name, at most."""
SHARDS, ANSWERS = "shard-", "answers-"
"""How the files of a machine begin, before its name."""
Groups = Mapping[str, Mapping[str, tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Observation:
    """A window of a release in the hands of machines, for the `time`-th time."""

    release: int
    number: int
    time: int

    def place(self, project: Project) -> str:
        """Where it lies in the artifact bucket, beside the requests and for as long; ends with a slash."""
        captured = project.captured(project.release_name(self.release))
        return f"{captured}observations/{self.number:06d}-{self.time}/"

    def name(self, project: Project) -> str:
        """Of the execution and its job; at most 61 characters."""
        digest = sha256(f"{self.release}/{self.number}".encode()).hexdigest()[:8]
        return f"{project.endpoint}-m{digest}-{self.time}"


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """What was found: rows of the table, requests they came in, requests of our own, and captures left out because
    they were damaged, of an unknown kind, or without one answer for each row.
    """

    rows: int
    requests: int
    probes: int
    malformed: int


@dataclass(frozen=True, slots=True)
class Observed:
    """A window: its features by name, its answers, and of each column of groups how many rows of each group were told
    to be of the positive class, and of how many.
    """

    features: Mapping[str, Seen]
    answers: Seen
    groups: Groups

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Observed":
        """Read what `dataclasses.asdict` and JSON made of one."""
        features = {name: _seen(each) for name, each in document["features"].items()}
        groups = {
            column: {name: (positive, rows) for name, (positive, rows) in found.items()}
            for column, found in document["groups"].items()
        }
        return cls(features, _seen(document["answers"]), groups)


def captured_together(shards: Sequence[CaptureCounts]) -> CaptureCounts:
    """The counts of all files from those of some files each."""
    counts = ((each.rows, each.requests, each.probes, each.malformed) for each in shards)
    return CaptureCounts(*(sum(column) for column in zip(*counts, strict=True)))


def observed_together(shards: Sequence[Observed]) -> Observed:
    """The whole window from what was seen in some of its files each.

    All counts are of the baseline's own bins and categories, so that they add up to what one reader of all files has.
    Not the same, and told roughly anyway: the median, and which new categories are frequent enough to be named.

    Args:
        shards: of the same baseline, at least one.
    """
    first = shards[0]
    features = {name: _together([each.features[name] for each in shards]) for name in first.features}
    groups = {column: _groups([each.groups[column] for each in shards]) for column in first.groups}
    return Observed(features, _together([each.answers for each in shards]), groups)


def _together(shards: Sequence[Seen]) -> Seen:
    counts: Sequence[int] | Mapping[str, int]
    if isinstance(shards[0].counts, Mapping):
        counts = _added(each.counts for each in shards if isinstance(each.counts, Mapping))
    else:
        counts = [sum(column) for column in zip(*(each.counts for each in shards), strict=True)]
    names = dict.fromkeys(name for each in shards for name in each.unknown_names)
    return Seen(
        rows=sum(each.rows for each in shards),
        missing=sum(each.missing for each in shards),
        counts=counts,
        beyond=(sum(each.beyond[0] for each in shards), sum(each.beyond[1] for each in shards)),
        median=_median([(each.median, each.present) for each in shards if each.median is not None]),
        unknown=sum(each.unknown for each in shards),
        unknown_names=list(names)[:TOLD_NAMES],
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, rows in each.items():
            total[name] = total.get(name, 0) + rows
    return total


def _median(medians: Sequence[tuple[float, int]]) -> float | None:
    """The shards' median, each counted as often as it has rows."""
    half, passed = sum(rows for _, rows in medians) / 2, 0
    for value, rows in sorted(medians):
        passed += rows
        if passed >= half:
            return value
    return None


def _groups(shards: Sequence[Mapping[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    positive = _added({name: told for name, (told, _) in each.items()} for each in shards)
    rows = _added({name: n for name, (_, n) in each.items()} for each in shards)
    return {name: (positive[name], rows[name]) for name in rows}


def _seen(document: Mapping[str, Any]) -> Seen:
    return Seen(**{**document, "beyond": (document["beyond"][0], document["beyond"][1])})
