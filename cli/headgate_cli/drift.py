"""The monitor's last window of a project: from the ledger and the artifact bucket to this computer."""

from dataclasses import dataclass
from typing import Any

from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError
from headgate_cli.runs import Artifacts, Records


@dataclass(frozen=True, slots=True)
class Judged:
    """A window as the monitor judged it: its report for programs, and as a page for people."""

    report: dict[str, Any]
    page: bytes


def last_window(cloud: Cloud, project: Project) -> Judged:
    """The last window of what serves.

    Raises:
        UsageError: when nothing serves, or no window of it was judged yet.
    """
    ledger, artifacts = Records(cloud).ledger, Artifacts(cloud)
    champion = ledger.head(project).champion
    if champion is None:
        raise UsageError(f"Nothing of {project.tenant}/{project.name} serves, so there is nothing to watch.")
    for window in ledger.windows(project, champion.sequence, 1):
        report, page = artifacts.window(window.place), artifacts.window_page(window.place)
        if report is not None and page is not None:
            return Judged(report, page)
    raise UsageError(
        f"No window of version {champion.version} was judged yet. It takes monitor.rows captured rows, or "
        "monitor.minutes with at least monitor.min_rows of them (project.yaml)."
    )
