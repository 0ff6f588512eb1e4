"""Versions that the gate let through and that do badly in service, with nobody touching anything."""

from collections.abc import Callable, Iterator

import pytest

from headgate.domain.names import Project
from headgate.domain.runs import Outcome

from .conftest import Cloud, headgate
from .test_rollout import WEAK, described, requests, settings

Table = Callable[..., bytes]
WATCHED = Project("demo", "watched")


@pytest.fixture(scope="module")
def champion(cloud: Cloud, table: Table) -> Project:
    """A weak version that serves on one instance, without anybody asking it; what comes next is better."""
    settings(cloud, WATCHED, WEAK)
    first = cloud.ending(WATCHED, cloud.drop(WATCHED, "weak.csv", table(2000, seed=1)))
    assert first.state == Outcome.PROMOTED, first.reason
    settings(cloud, WATCHED, "endpoint: {instance_count: 1}\n")
    return WATCHED


@pytest.fixture
def fault(cloud: Cloud) -> Iterator[Callable[..., None]]:
    """Lets something go wrong with the instances of a release."""

    def order(release: str, action: str, *options: str) -> None:
        arguments = ["fault", "add", action, "--target", WATCHED.endpoint, "--set", f"config={release}", *options]
        assert headgate(cloud, *arguments)[0] == 0

    yield order
    headgate(cloud, "fault", "clear")


@pytest.mark.parametrize(
    ("sequence", "trouble", "signal"),
    [
        (2, ["fail-invocations"], "errors"),
        (3, ["delay-invocations", "--set", "delaySeconds=0.1"], "latency"),
        (4, ["lose-feature", "--set", "column=x0"], "answers"),
    ],
)
def test_a_version_that_does_badly_in_service_is_taken_back(
    cloud: Cloud,
    table: Table,
    champion: Project,
    fault: Callable[..., None],
    sequence: int,
    trouble: list[str],
    signal: str,
) -> None:
    fault(champion.release_name(sequence), *trouble)
    run = cloud.ending(champion, cloud.drop(champion, f"{signal}.csv", table(4000, seed=sequence)), 240)
    assert run.state == Outcome.ROLLED_BACK, run.reason
    assert signal in (run.reason or ""), run.reason
    if signal == "errors":  # the alarm on errors and the verdict race; either is soon enough
        assert run.reason_code in {"UPDATE_ROLLED_BACK", "WORSE_IN_SERVICE"}
    else:  # no alarm of a single measure sees these
        release = cloud.ledger.release(champion, sequence)
        assert run.reason_code == "WORSE_IN_SERVICE", run.reason
        assert release is not None
        assert release.verdict is not None
        assert release.verdict["stand"] == "failed"
        assert release.verdict["signals"][signal]["canary"]["hits"] > 0
    head = cloud.ledger.head(champion)
    assert head.champion is not None
    assert (head.champion.sequence, described(cloud, champion)["EndpointConfigName"]) == (1, champion.release_name(1))


def test_a_version_that_does_well_stays(cloud: Cloud, table: Table, champion: Project) -> None:
    with requests(cloud, champion) as seen:
        run = cloud.ending(champion, cloud.drop(champion, "well.csv", table(4000, seed=9)), 240)
    assert (run.state, run.reason_code) == (Outcome.PROMOTED, "SERVING"), run.reason
    assert set(seen) == {"answered"}
    release = cloud.ledger.release(champion, 5)
    assert release is not None
    assert release.verdict is not None
    assert release.verdict["stand"] == "passed"
