"""Have projects retrained whose schedule says that it is time: a look at every project's `retrain.schedule`."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from headgate.aws.errors import kind_of
from headgate.aws.s3 import AT_ONCE, Objects
from headgate.aws.sqs import Queue
from headgate.domain.errors import SettingsError
from headgate.domain.names import Project
from headgate.domain.schedule import Cron
from headgate.services.projects import projects_in
from headgate.services.settings import settings_of

LOOK_BACK = timedelta(hours=1)
"""So long a look that failed, or did not take place, delays a retraining and does not lose it."""


def have_projects_retrained(
    *, objects: Objects, queue: Queue, data_bucket: str, now: str
) -> tuple[list[str], dict[str, str]]:
    """Request the retrainings that are due. A request is named after the time at which it was due, so that asking for
    the same one at several looks asks once.

    Settings that cannot be understood are passed over: they refuse the next dataset, which tells people. So are those
    that cannot be read, by whatever error; the next look reads them again.

    Returns:
        The endpoints of the projects, and for the log those that could not be looked at, with the kind of the error.
    """
    at, due, unread = datetime.fromisoformat(now), [], {}

    def schedule_of(project: Project) -> tuple[Project, str | None]:
        try:
            settings = settings_of(project, objects, data_bucket)
        except SettingsError:
            return project, None
        except Exception as error:  # of one project, or one tenant's key: the others are retrained all the same
            unread[project.endpoint] = kind_of(error)
            return project, None
        return project, settings.retrain.schedule if settings is not None else None

    with ThreadPoolExecutor(AT_ONCE) as readers:  # it is waiting for S3 that takes time, once for each project
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
    return [project.endpoint for project, _, _ in due], unread
