import pytest

from headgate.domain.releases import EndpointState, settle
from headgate.domain.runs import Outcome

# Every EndpointStatus of the API, with what it means for a release of configuration "r2".
CASES = [
    (None, "r2", "", Outcome.FAILED),
    ("InService", "r2", "", Outcome.PROMOTED),
    ("InService", "r1", "", Outcome.ROLLED_BACK),
    ("InService", "r2", "an alarm went off", Outcome.ROLLED_BACK),
    ("InService", "r1", "an alarm went off", Outcome.ROLLED_BACK),
    ("Failed", "r2", "no capacity", Outcome.FAILED),
    ("OutOfService", "r2", "", Outcome.FAILED),
    ("UpdateRollbackFailed", "r2", "", Outcome.FAILED),
    ("Deleting", "r2", "", None),
    ("Creating", "r2", "", None),
    ("Updating", "r2", "", None),
    ("SystemUpdating", "r2", "", None),
    ("RollingBack", "r1", "", None),
]


@pytest.mark.parametrize(("status", "config", "reason", "outcome"), CASES)
def test_a_release_ends_as_its_endpoint_says(status: str | None, config: str, reason: str, outcome: Outcome) -> None:
    endpoint = EndpointState(status, config, reason) if status else None
    ending = settle(endpoint, "r2", "7")
    assert (ending.outcome if ending else None) == outcome
    if ending is not None:
        assert ending.reason
        assert reason in ending.reason
