"""Look at what an endpoint was asked since the last window, and judge it when that is enough to tell something.

Whoever comes twice, or at the same time, finds the same files under the same name; the ledger takes a window's number
once, and a report that lost against another one lies there unread. What is more than a function can read goes to
machines (docs/decisions/0038).
"""

from headgate.aws.stepfunctions import Executions
from headgate.domain.alarms import VARIANT
from headgate.domain.names import Project
from headgate.domain.observed import Observation
from headgate.domain.releases import Release
from headgate.domain.window import MACHINES_BYTES, File, Window, taken
from headgate.services.monitor import Look, Monitor, Publish, Requests


def monitor_endpoint(project: Project, monitor: Monitor, executions: Executions, *, publish: Publish, now: str) -> Look:
    """Look once at what the release that serves was asked. Safe to repeat at any time.

    What a window says is published before the window is recorded: whoever dies in between publishes it again.

    Returns:
        JUDGED; or NOTHING_SERVES, OFF (by project.yaml, or as nothing is captured), NOTHING_NEW, NO_BASELINE (the
        version is older than baselines), WAITING (for more rows, or time), OBSERVED_ELSEWHERE (by machines, which are
        on it), JUDGED_BEFORE (by somebody who was faster).
    """
    release = monitor.ledger.serving(project)
    if release is None:
        return Look("NOTHING_SERVES")
    if not release.capture_percent:
        return Look("OFF")
    before = _last(project, release, monitor)
    files = _waiting(project, release, monitor, before)
    if not files:
        return Look("NOTHING_NEW")
    from headgate.services.windows import judge_requests  # slow to import, and most looks find nothing new

    return judge_requests(Requests(project, release, before, files, now), monitor, executions, publish=publish)


def judge_observed(project: Project, observation: Observation, monitor: Monitor, *, publish: Publish, now: str) -> Look:
    """Judge a window that machines have observed, whatever its rows; as safe to repeat as a look.

    Returns:
        JUDGED; or NOTHING_SERVES (the release is not known any more), JUDGED_BEFORE.
    """
    release = monitor.ledger.release(project, observation.release)
    if release is None:
        return Look("NOTHING_SERVES")
    before = _last(project, release, monitor)
    if (before.number + 1 if before else 1) != observation.number:
        return Look("JUDGED_BEFORE")
    from headgate.services.windows import judge_brought  # as above

    return judge_brought(Requests(project, release, before, (), now), observation, monitor, publish=publish)


def _last(project: Project, release: Release, monitor: Monitor) -> Window | None:
    return next(iter(monitor.ledger.windows(project, release.sequence, 1)), None)


def _waiting(project: Project, release: Release, monitor: Monitor, last: Window | None) -> list[File]:
    """The captured files since the last window, with those that came late."""
    prefix = f"{project.captured(release.name)}{project.endpoint}/{VARIANT}/"
    found = monitor.objects.files(monitor.artifact_bucket, prefix, last.cursor if last else "")
    return taken(found, last, MACHINES_BYTES)
