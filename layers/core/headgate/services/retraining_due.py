"""Have projects retrained whose schedule says that it is time: a look at every project's `retrain.schedule`."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from headgate.aws.s3 import Objects
from headgate.aws.sqs import Queue
from headgate.domain.errors import NotFoundError, SettingsError
from headgate.domain.names import Project
from headgate.domain.project_file import parse_settings
from headgate.domain.schedule import Cron
from headgate.services.projects import projects_in

_AT_ONCE = 10  # connections that boto3 keeps, unless it is told otherwise
LOOK_BACK = timedelta(hours=1)
"""So long a look that failed, or did not take place, delays a retraining and does not lose it."""


def have_projects_retrained(*, objects: Objects, queue: Queue, data_bucket: str, now: str) -> list[str]:
    """Request the retrainings that are due. A request is named after the time at which it was due, so that asking for
    the same one at several looks asks once.

    Settings that cannot be read are passed over: they refuse the next dataset, which tells people.

    Returns:
        The endpoints of the projects.
    """
    at, due = datetime.fromisoformat(now), []

    def schedule_of(project: Project) -> tuple[Project, str | None]:
        try:
            settings = parse_settings(objects.get_bytes(data_bucket, f"{project.prefix}project.yaml"))
        except (NotFoundError, SettingsError):
            return project, None
        return project, settings.retrain.schedule

    with ThreadPoolExecutor(_AT_ONCE) as readers:  # it is waiting for S3 that takes time, once for each project
        for project, schedule in readers.map(schedule_of, projects_in(objects, data_bucket)):
            moment = Cron.parse(schedule).last(at, LOOK_BACK) if schedule else None
            if moment is not None:
                due.append((project, schedule, f"{moment:%Y-%m-%dT%H:%M:00Z}"))
    queue.send(
        [
            {
                "id": f"schedule-{moment}",
                "source": "headgate.schedule",
                "time": moment,
                "detail": {
                    "tenant": project.tenant,
                    "project": project.name,
                    "reason": f"It is time: retrain.schedule is {schedule}.",
                },
            }
            for project, schedule, moment in due
        ]
    )
    return [project.endpoint for project, _, _ in due]
