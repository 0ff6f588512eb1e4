"""The table of alarms that watch what serves."""

from pathlib import Path

import pytest

from headgate.domain.alarms import alarm_names, is_guard, sequence_of, standing_alarm
from headgate.domain.machines import processors
from headgate.domain.names import Project
from headgate.domain.rollout import Wishes
from headgate.domain.rules import DEFAULTS
from headgate.domain.standing_alarms import PARTS, Patience, standing_alarms

IRIS = Project("demo", "iris")
ALL, DRIFT = standing_alarms("demo-iris-r2", IRIS, Wishes(), Patience(2, 60, 3), "ml.m5.xlarge")
BY_KIND = {alarm.kind: alarm for alarm in ALL}
ROOT = Path(__file__).resolve().parents[3]


def test_every_kind_that_the_policy_knows_has_an_alarm_and_a_page() -> None:
    assert {*BY_KIND} - PARTS | {"drift", "other"} == set(DEFAULTS)
    for kind in DEFAULTS:
        page = "other-alarm" if kind == "other" else kind.replace("_", "-")
        assert (ROOT / f"docs/runbooks/{page}.md").exists(), kind


def test_each_says_what_missing_data_counts_as() -> None:
    words = {"notBreaching": "counts as good", "breaching": "counts as bad", "ignore": "changes nothing"}
    for alarm in ALL:
        assert words[alarm.missing] in alarm.description, alarm.name


def test_names_lead_back_to_the_release_and_are_no_guards() -> None:
    for alarm in (*ALL, DRIFT):
        found = standing_alarm(alarm.name)
        assert found is not None
        assert found[:2] == ("demo-iris", "demo-iris-r2")
        assert (sequence_of(alarm.name, "demo-iris"), sequence_of(alarm.name, "demo")) == (2, None)
        assert not is_guard(alarm.name)
    for name in alarm_names("demo-iris-r2"):
        assert is_guard(name)
        assert standing_alarm(name) is None


def test_one_bad_minute_rings_nothing() -> None:
    for kind in ("errors", "latency", "saturation", "cost"):
        assert 1 < BY_KIND[kind].ringing <= BY_KIND[kind].periods


def test_drift_has_one_voice() -> None:
    assert {name.rpartition(".")[2] for name in DRIFT.parts} == PARTS == {a.kind for a in ALL if not a.active}
    assert DRIFT.rule == " OR ".join(f'ALARM("headgate-demo-iris-r2.{k}")' for k in ("data_drift", "prediction_drift"))


def test_what_nobody_counts_has_no_alarm() -> None:
    made, _ = standing_alarms("demo-iris-r2", IRIS, Wishes(), Patience(), "ml.m5.xlarge")
    assert {alarm.kind for alarm in made}.isdisjoint({"traffic", "cost"})


@pytest.mark.parametrize(
    ("machine", "count"),
    [("ml.m5.large", 2), ("ml.m5.xlarge", 4), ("ml.c5.18xlarge", 72), ("ml.t2.medium", 2), ("ml.g4dn.2xlarge", 8)],
)
def test_a_machine_tells_its_processors(machine: str, count: int) -> None:
    assert processors(machine) == count
    assert {**{a.kind: a for a in standing_alarms("demo-iris-r2", IRIS, Wishes(), Patience(), machine)[0]}}[
        "saturation"
    ].threshold == pytest.approx(90 * count)


def test_the_documentation_lists_them_all() -> None:
    text = (ROOT / "docs/alarms.md").read_text()
    for kind in (*BY_KIND, "drift"):
        assert f"| `{kind}` |" in text, kind
