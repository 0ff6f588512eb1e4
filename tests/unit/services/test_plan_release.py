"""What a release is planned by, beside the champion that it was judged against."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.services.plan_release import PlanRelease, plan_release

from .conftest import IRIS, FakeEndpoints, FakeTasks, deploy, serve, settle, take


def test_a_release_is_planned_by_what_its_endpoint_was_asked_in_the_week_before(
    ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, plan: Any, make_run: Any
) -> None:
    """Whole hours, from the first one with requests; two days of them here."""
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    settle(ledger, endpoints, 1)
    asked: list[Any] = []

    def traffic(endpoint: str, start: datetime, end: datetime) -> dict[datetime, float]:
        asked.append((endpoint, start.isoformat(), end.isoformat()))
        return {end - timedelta(hours=1 + hour): 50.0 for hour in range(48)}

    run = make_run("b")
    ledger.add_run(run)
    take(ledger, tasks, run.run)
    command = PlanRelease(
        *(IRIS, run.run, "b", "holdout", "version-b", "s3://b/b.tar.gz", 1, "Better.", "ml.m5.large", 1)
    )
    planned = plan_release(
        command, ledger=ledger, endpoints=endpoints, traffic=traffic, bake_seconds=600, now="2026-01-15T10:30:00.000Z"
    )
    assert asked == [("demo-iris", "2026-01-08T10:00:00+00:00", "2026-01-15T10:00:00+00:00")]
    assert planned["patience"] == {"bad_minutes": 2, "requests_per_hour": 5, "max_instances": 2}


@pytest.mark.parametrize(("retrained", "outcome"), [(False, "SUPERSEDED"), (True, None)])
def test_an_older_upload_never_replaces_a_newer_one_however_late_its_event_came(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, make_run: Any, retrained: bool, outcome: str
) -> None:
    plan("b")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    settle(ledger, endpoints, 1)
    if retrained:
        ledger.add_run(make_run("a", retrain={"why": "Somebody asked."}))
    planned = plan("a")
    assert planned["outcome"] == outcome
    assert ledger.head(IRIS).next_release == (3 if retrained else 2)
    assert retrained or planned["reason_code"] == "OLDER_UPLOAD"


@pytest.mark.parametrize(("version", "outcome"), [("version-a", None), ("version-b", "NOT_PROMOTED")])
def test_a_version_judged_against_what_serves_is_planned_though_that_was_made_anew_since(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, version: str, outcome: str | None
) -> None:
    """As when the endpoint failed and was repaired: the same version serves as another release."""
    plan("a")
    serve(ledger, endpoints, tasks, 1)
    plan("b", version=version)
    serve(ledger, endpoints, tasks, 2)
    assert plan("c", judged_against=1)["outcome"] == outcome
