"""Take away the models and configurations of releases that nobody will go back to."""

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleaseMoved
from headgate.aws.sagemaker import Endpoints
from headgate.domain.audit import Change
from headgate.domain.keys import release_key
from headgate.domain.names import Project
from headgate.domain.releases import ReleaseState, removable
from headgate.domain.stand import TRIALS
from headgate.domain.trial import config_of

_AT_ONCE = 3
"""Releases that are taken away by one settlement; each adds at most one, so that no backlog stays."""


def clean_up(project: Project, *, ledger: Ledger, endpoints: Endpoints, owner: str, now: str) -> None:
    """Take away a few of them, the oldest first. Safe to repeat at any point.

    What the endpoint uses stays, whatever the ledger says; while it is on its way all stay. `owner` is the ledger that
    their tags have to name.

    Raises:
        ConflictError: when another writer was faster; the next settlement goes on.
    """
    endpoint = endpoints.describe(project.endpoint)
    if endpoint is None or endpoint.in_progress:
        return
    for release in removable(ledger.releases(project), {endpoint.config, endpoint.target})[:_AT_ONCE]:
        change = Change(release_key(release.sequence), {}, {"model": None, "configuration": None})
        ledger.record(project, "release taken away", "Nobody will go back to it.", change)
        tried = release.rollout.get("strategy") in TRIALS
        endpoints.remove(release.name, owner, config_of(release.name) if tried else None)
        state = ReleaseState(release.state)
        gone = ReleaseMoved(release.sequence, state, state, release.at, facts={"removed_at": now})
        ledger.write(project, ledger.head(project), gone)
