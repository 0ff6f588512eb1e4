from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from headgate_cli.stages import Stage
from headgate_cli.story import Answer, Choice, Measure, Road, Sample, Story, stretches_of

from .clinic import erase, open_clinic, split  # noqa: F401 - fixtures

STAGE_SECONDS = {
    "validate": 0.42,
    "train": 6.31,
    "evaluate": 1.94,
    "judge": 0.12,
    "register": 0.18,
    "promote": 1.6,
    "close": 0.11,
}
REACHED = {"PROMOTED": 7, "ROLLED_BACK": 6, "NOT_PROMOTED": 4, "REJECTED": 1, "FAILED": 2, "SUPERSEDED": 0}
MOMENT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def make_road(project: str = "healthcare", outcome: str = "PROMOTED", **changes: object) -> Road:
    """A road that went as far as its outcome says."""
    names = list(STAGE_SECONDS)[: REACHED[outcome]]
    stages = [Stage(name, f"{name.title()} It", MOMENT, STAGE_SECONDS[name]) for name in names]
    road = {
        "project": project,
        "file": f"{project}.csv",
        "run": f"demo-{project}-0123456789",
        "outcome": outcome,
        "reason_code": "BETTER_THAN_TRIVIAL",
        "reason": "Version 1 serves all requests.",
        "stretches": stretches_of(stages, outcome),
        "seconds": sum(STAGE_SECONDS[name] for name in names),
    }
    return Road(**(road | changes))


def make_measure(**changes: object) -> Measure:
    """The measure of a good first model."""
    values = {
        "metric": "auc",
        "lower_is_better": False,
        "rows": 114,
        "challenger": 0.994,
        "trivial": 0.5,
        "champion": None,
        "against": "trivial",
        "estimate": 0.494,
        "low": 0.471,
        "high": 0.5,
        "level": 0.95,
    }
    return Measure(**(values | changes))


@pytest.fixture
def road() -> Callable[..., Road]:
    return make_road


@pytest.fixture
def measure() -> Callable[..., Measure]:
    return make_measure


@pytest.fixture
def story() -> Story:
    return make_story()


def make_story() -> Story:
    """Four datasets that end in four ways, with everything that a page can show."""
    healthcare = make_road(
        rows=569,
        columns=31,
        task="binary",
        target="diagnosis",
        version="1",
        endpoint="demo-healthcare",
        measure=make_measure(),
        sample=Sample(
            ("mean_radius", "mean_texture"),
            (
                Answer(("17.99", "10.38"), "malignant", ">99 %", "malignant"),
                Answer(("13.54", "14.36"), "benign", "97 %", "benign"),
                Answer(("20.57", "17.77"), "malignant", ">99 %", "malignant"),
            ),
        ),
        choices=(
            Choice("target", "diagnosis", "It is the last column and has few values, as a label has."),
            Choice("task", "binary", "The target has two values."),
            Choice("positive class", "malignant", "It is the rarer one: 212 of 569 rows."),
        ),
    )
    manufacturing = make_road(
        "manufacturing",
        rows=900,
        columns=6,
        task="regression",
        target="skips",
        version="1",
        endpoint="demo-manufacturing",
        measure=make_measure(
            metric="rmse",
            lower_is_better=True,
            rows=182,
            challenger=3.62,
            trivial=7.41,
            estimate=3.79,
            low=2.9,
            high=4.6,
        ),
        sample=Sample(("Opening", "Solder"), (Answer(("L", "Thick"), "0.42", "0 to 1.3", "0"),)),
    )
    finance = make_road(
        "finance",
        "NOT_PROMOTED",
        rows=1000,
        columns=21,
        task="binary",
        target="risk",
        measure=make_measure(
            challenger=0.781, trivial=0.5, champion=0.793, against="champion", estimate=-0.012, low=-0.03, high=0.01
        ),
        reason="Not better: auc 0.781 against 0.793 of the champion on 201 rows it never saw.",
        reason_code="NOT_BETTER_THAN_CHAMPION",
    )
    damaged = make_road(
        "damaged",
        "REJECTED",
        reason="Row 413 has 3 values where the header names 6. The file was cut or edited by hand; export it again.",
        reason_code="RAGGED_ROWS",
    )
    return Story("local cloud", MOMENT, 14.2, (healthcare, finance, manufacturing, damaged))
