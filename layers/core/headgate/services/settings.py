"""The settings of a project as they are now: `project.yaml` in the data bucket, which its tenant may write."""

from typing import TYPE_CHECKING

from headgate.aws.s3 import Objects
from headgate.domain.errors import NotFoundError
from headgate.domain.names import MAX_SETTINGS_BYTES, Project

if TYPE_CHECKING:  # pydantic is slow to import, and often not needed
    from headgate.domain.project import ProjectSettings


def written_settings(project: Project, objects: Objects, data_bucket: str) -> tuple[bytes, str] | None:
    """What is written in project.yaml, and in which version of it; None where there is none.

    Of one that is too large no more is read than what it is refused for.
    """
    try:
        return objects.get_newest(data_bucket, project.settings, limit=MAX_SETTINGS_BYTES + 1)
    except NotFoundError:
        return None


def settings_of(project: Project, objects: Objects, data_bucket: str) -> "ProjectSettings | None":
    """The settings of a project; None where it has no project.yaml.

    Raises:
        SettingsError: when they cannot be read, with what to mend. The next dataset is refused, which tells people.
    """
    written = written_settings(project, objects, data_bucket)
    return None if written is None else read_settings(written[0])


def read_settings(content: bytes | None) -> "ProjectSettings":
    """What project.yaml says; the defaults where there is none, as for most projects: they need no reader of YAML.

    Raises:
        SettingsError: when it cannot be read, with what to mend.
    """
    if content is None:
        from headgate.domain.project import ProjectSettings

        return ProjectSettings()
    from headgate.domain.project_file import parse_settings

    return parse_settings(content)
