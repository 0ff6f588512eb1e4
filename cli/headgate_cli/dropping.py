"""Dropping data and waiting for what comes of it: the use case behind `drop`, `watch` and `demo`."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.names import Project
from headgate_cli import upload
from headgate_cli.board import show_until_ended
from headgate_cli.connection import Cloud
from headgate_cli.following import Follower, Progress, utc_now
from headgate_cli.output import Output
from headgate_cli.planning import Plan
from headgate_cli.runs import Records, RunRef
from headgate_cli.settings import merge_settings
from headgate_cli.stages import seconds_by_stage


def drop(cloud: Cloud, project: Project, planned: Plan, settings: Mapping[str, str], out: Output) -> RunRef:
    """Put the files where Headgate finds them, the project's settings first.

    Returns:
        The run that the upload starts.
    """
    if settings and merge_settings(cloud, project, settings):
        said = ", ".join(f"{name}: {value}" for name, value in settings.items())
        out.note(f"Wrote {said} to s3://{cloud.data_bucket}/{project.prefix}project.yaml.")
    ref = upload.upload(cloud, project, planned)
    for path, key in planned.objects:
        out.note(f"{path} -> s3://{cloud.data_bucket}/{key}")
    return ref


def wait(cloud: Cloud, refs: Sequence[RunRef], timeout: float, out: Output) -> list[Progress]:
    """Show the runs' progress until every one of them has ended."""
    return show_until_ended(Follower(cloud).follow(refs, timeout), out.notes)


def document(cloud: Cloud, progress: Progress) -> dict[str, Any]:
    """What came of a drop, as JSON. `endpoint` is null until the project has one."""
    record, project = progress.record, progress.ref.project
    serves = Records(cloud).ledger.head(project).champion is not None
    return {
        "tenant": project.tenant,
        "project": project.name,
        "dataset": progress.ref.dataset,
        "run": progress.ref.run,
        "outcome": progress.outcome,
        "reason_code": record.reason_code if record else None,
        "reason": record.reason if record else None,
        "version": record.version if record else None,
        "endpoint": project.endpoint if serves else None,
        "metrics": dict(record.metrics) if record else {},
        "seconds": seconds_by_stage(progress.stages, utc_now()),
    }
