"""Versions that the gate let through and that do badly in service, with nobody touching anything."""

from collections.abc import Callable
from typing import Any

from headgate.domain.names import Project
from headgate.domain.runs import Outcome

from .conftest import Cloud, headgate
from .test_rollout import described, requests, weak_champion

Table = Callable[..., bytes]
PROJECT = Project("demo", "watched")


BAD = {
    "errors": ["fail-invocations"],
    "latency": ["delay-invocations", "--set", "delaySeconds=0.1"],
    "answers": ["lose-feature", "--set", "column=x0"],
}
"""What goes wrong with a version in service, by the signal that tells it."""


def test_what_does_badly_is_taken_back_and_what_does_well_stays(cloud: Cloud, table: Table) -> None:
    weak_champion(cloud, PROJECT, table, "endpoint: {instance_count: 1}\n")
    for number, (signal, trouble) in enumerate(BAD.items(), start=2):
        release = PROJECT.release_name(number)
        order = ["fault", "add", *trouble, "--target", PROJECT.endpoint, "--set", f"config={release}"]
        assert headgate(cloud, *order)[0] == 0
        run = cloud.ending(PROJECT, cloud.drop(PROJECT, f"{signal}.csv", table(4000, seed=number)), 240)
        assert run.state == Outcome.ROLLED_BACK, run.reason
        assert signal in (run.reason or ""), run.reason
        assert described(cloud, PROJECT)["EndpointConfigName"] == PROJECT.release_name(1)
        if signal == "errors":  # the alarm on errors and the verdict race; either is soon enough
            assert run.reason_code in {"UPDATE_ROLLED_BACK", "WORSE_IN_SERVICE"}
            continue
        assert run.reason_code == "WORSE_IN_SERVICE", run.reason  # no alarm of a single measure sees these
        verdict = verdict_on(cloud, number)
        assert verdict["stand"] == "failed"
        assert verdict["signals"][signal]["canary"]["hits"] > 0

    with requests(cloud, PROJECT) as seen:
        run = cloud.ending(PROJECT, cloud.drop(PROJECT, "well.csv", table(4000, seed=9)), 240)
    assert (run.state, run.reason_code) == (Outcome.PROMOTED, "SERVING"), run.reason
    assert set(seen) == {"answered"}
    assert verdict_on(cloud, 5)["stand"] == "passed"


def verdict_on(cloud: Cloud, sequence: int) -> Any:
    release = cloud.ledger.release(PROJECT, sequence)
    assert release is not None
    assert release.verdict is not None, release.reason
    return release.verdict
