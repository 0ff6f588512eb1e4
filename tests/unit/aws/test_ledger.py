from collections.abc import Callable
from dataclasses import replace

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleaseMoved, ReleasePlanned
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import Ending, Head, Outcome, Run

IRIS = Project("demo", "iris")


def test_runs_are_listed_newest_first(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    for name, arrived in (("b", "2026-01-01T00:00:00.000Z"), ("a", "2026-01-02T00:00:00.000Z")):
        ledger.add_run(make_run(name, arrived_at=arrived))
    ledger.add_run(make_run("a", tenant="other", run="other-iris-a"))
    assert [run.dataset for run in ledger.runs_of_project(IRIS)] == ["a", "b"]
    assert [run.dataset for run in ledger.runs_of_tenant("demo")] == ["a", "b"]
    assert ledger.releases(IRIS) == []


def test_releases_are_listed_newest_first_and_keep_when_they_went_into_service(
    ledger: Ledger, make_run: Callable[..., Run]
) -> None:
    first = Release(
        sequence=1,
        run="demo-iris-a",
        dataset="a",
        holdout="a",
        version="1",
        model_data_url="s3://artifacts/model.tar.gz",
        name="demo-iris-r1",
        endpoint="demo-iris",
        why="Better.",
        state=ReleaseState.PLANNED,
        at="t0",
        instance_type="ml.m5.large",
        instance_count=1,
    )
    second = replace(first, sequence=2, run="demo-iris-b", dataset="b")
    head = Head()
    for release in (first, second):
        ledger.add_run(make_run(release.dataset))
        head = ledger.write(IRIS, head, ReleasePlanned(release))
    ending = Ending(Outcome.PROMOTED, "SERVING", "Serves.", "1")
    head = ledger.write(IRIS, head, ReleaseMoved(1, ReleaseState.PLANNED, ReleaseState.IN_SERVICE, "t1", ending))
    ledger.write(IRIS, head, ReleaseMoved(1, ReleaseState.IN_SERVICE, ReleaseState.RETIRED, "t2"))
    newest, oldest = ledger.releases(IRIS)
    assert (newest.sequence, newest.state, newest.in_service_at, newest.outcome) == (2, "PLANNED", None, None)
    assert (oldest.state, oldest.in_service_at, oldest.at, oldest.reason) == ("RETIRED", "t1", "t2", "Serves.")
