"""A watch that says what a scenario wants; how a watch comes to its word is what `test_watch_release` is about."""

from headgate.aws.ledger import Ledger
from headgate.aws.sagemaker import Endpoints
from headgate.domain.names import Project
from headgate.domain.releases import is_looked_after, is_on_probation


def watch(
    says: str, project: Project, sequence: int, *, ledger: Ledger, endpoints: Endpoints, now: str
) -> dict[str, str]:
    """One look; `says` is `Scenario.watch`."""
    release = ledger.release(project, sequence)
    if release is None or release.state != "DEPLOYING" or not is_looked_after(release) or says == "silent":
        return {"outcome": "OVER"}
    if says != "passes":
        endpoint = endpoints.describe(project.endpoint)
        if endpoint is None or not is_on_probation(release, endpoint):
            return {"outcome": "SOON"}
    stand = "failed" if says == "bad late" else "passed"
    ledger.keep_verdict(project, sequence, {"stand": stand, "reason": "Seen.", "at": now})
    return {"outcome": "OVER"}
