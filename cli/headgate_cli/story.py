"""What is told about a set of runs: plain values, made from what the cloud says, shown by the page and the table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.domain.evidence import legible
from headgate_cli.output import share_text
from headgate_cli.stages import Stage, road_through

_LOWER_IS_BETTER = "minimize"
_COLUMN = "column "
_SHOWN_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that Headgate inferred because nobody had said it: what, as which value, and why."""

    what: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stage of the road; `state` is `passed`, `stopped` (the run went no further) or `unreached`."""

    name: str
    seconds: float
    state: str


@dataclass(frozen=True, slots=True)
class Measure:
    """How good the model is on the holdout, against the trivial predictor and the champion if there was one.

    `estimate`, `low` and `high` are the difference to `against`, oriented so that more is better, with its
    interval of confidence `level`.
    """

    metric: str
    lower_is_better: bool
    rows: int
    challenger: float
    trivial: float
    champion: float | None
    against: str
    estimate: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said to one row, and how sure it is: a probability or a range, or nothing.

    `inputs` are a few of the row's values, `actual` its target if it is known.
    """

    inputs: tuple[str, ...]
    answer: str
    how_sure: str
    actual: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """A few rows that were sent through the endpoint; `columns` name the values that are shown."""

    columns: tuple[str, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """One dataset's way: where it got, why there, and what came of it."""

    project: str
    file: str
    run: str
    outcome: str
    reason_code: str
    reason: str
    stretches: tuple[Stretch, ...]
    seconds: float
    rows: int | None = None
    columns: int | None = None
    task: str | None = None
    target: str | None = None
    version: str | None = None
    endpoint: str | None = None
    measure: Measure | None = None
    sample: Sample | None = None
    choices: tuple[Choice, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether this dataset's model went into service."""
        return self.outcome == "PROMOTED"


@dataclass(frozen=True, slots=True)
class Story:
    """Several datasets that came to one gate; `seconds` from the first drop to the last outcome."""

    cloud: str
    told_at: datetime
    seconds: float
    roads: tuple[Road, ...]


def stretches_of(stages: Sequence[Stage], outcome: str) -> tuple[Stretch, ...]:
    """The whole road with what each stage took; the last stage reached is where a run that failed was stopped.

    `close` only writes the ledger and is no part of the way.
    """
    seconds: dict[str, float] = {}
    for stage in stages:
        seconds[stage.name] = seconds.get(stage.name, 0.0) + stage.seconds
    way = [name for name in road_through(seconds) if name != "close"]
    reached = [name for name in way if name in seconds]

    def state(name: str) -> str:
        if name not in seconds:
            return "unreached"
        return "stopped" if outcome != "PROMOTED" and name == reached[-1] else "passed"

    return tuple(Stretch(name, round(seconds.get(name, 0.0), 3), state(name)) for name in way)


def measure_of(evaluation: Mapping[str, Any] | None) -> Measure | None:
    """The measure that the gate judged by; None when there was no evaluation."""
    if not evaluation:
        return None
    metric, difference, champion = evaluation["metric"], evaluation["difference"], evaluation["champion"]
    return Measure(
        metric=metric,
        lower_is_better=evaluation["direction"] == _LOWER_IS_BETTER,
        rows=evaluation["rows"],
        challenger=evaluation["challenger"][metric],
        trivial=evaluation["trivial"][metric],
        champion=champion[metric] if champion else None,
        **{name: difference[name] for name in ("against", "estimate", "low", "high", "level")},
    )


def sample_of(
    rows: Sequence[Mapping[str, str]], predictions: Iterable[Mapping[str, Any]], target: str | None
) -> Sample:
    """Put rows and the endpoint's answers side by side, with the first two inputs of each row."""
    columns = tuple(name for name in rows[0] if name != target)[:2]
    answers = (
        Answer(tuple(row[name] for name in columns), *said_of(said), actual=row.get(target) if target else None)
        for row, said in zip(rows, predictions, strict=True)
    )
    return Sample(columns, tuple(answers))


def said_of(prediction: Mapping[str, Any]) -> tuple[str, str]:
    """An endpoint's answer to one row as text, and how sure it is."""
    if "label" in prediction:
        return str(prediction["label"]), share_text(max(prediction["probabilities"]))
    interval = [legible(prediction[bound], 3) for bound in ("low", "high") if prediction.get(bound) is not None]
    return legible(prediction["value"], 3), " to ".join(interval)


def headline(story: Story) -> str:
    """The story in one sentence or two."""
    total, through = len(story.roads), sum(road.serves for road in story.roads)
    came = "One dataset came" if total == 1 else f"{_count(total).capitalize()} datasets came"
    if through == total:
        went = "It went through" if total == 1 else "All of them went through"
    elif through == 0:
        went = "It did not go through" if total == 1 else "None of them went through"
    else:
        went = f"{_count(through).capitalize()} went through"
    return f"{came} to the gate. {went}."


def _count(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


def choices_of(report: Mapping[str, Any]) -> tuple[Choice, ...]:
    """What a dataset's report says was inferred, and why; columns that were decided alike stand together."""
    decided: dict[tuple[str, str], list[str]] = {}
    choices = []
    for item in report.get("inferred", ()):
        what, value, why = item["what"], str(item["value"]), item["why"]
        if what.startswith(_COLUMN):
            decided.setdefault((value, why), []).append(what.removeprefix(_COLUMN))
        else:
            choices.append(Choice(what, value, why))
    return (*choices, *(Choice(_columns(names), value, why) for (value, why), names in decided.items()))


def _columns(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{_COLUMN}{names[0]}"
    shown = ", ".join(names[:_SHOWN_COLUMNS])
    rest = len(names) - _SHOWN_COLUMNS
    return f"{len(names)} columns ({shown}{f' and {rest} more' if rest > 0 else ''})"
