"""The rules by which a project answers alarms, from its `project.yaml` as it is now."""

from headgate.aws.s3 import Objects
from headgate.domain.errors import SettingsError
from headgate.domain.incidents import Action
from headgate.domain.names import Project
from headgate.domain.rules import DEFAULTS, Rules
from headgate.services.settings import settings_of


class ProjectRules:
    """Reads rules; `tenant_retrains` is what the deployment allows each tenant in a day."""

    def __init__(self, objects: Objects, data_bucket: str, tenant_retrains: int) -> None:
        self._objects, self._bucket, self._tenant_retrains = objects, data_bucket, tenant_retrains

    def of(self, project: Project) -> Rules:
        """The rules of a project; the defaults where it says nothing, or what nobody can read.

        Settings that cannot be read refuse the next dataset, which tells people. An alarm at night has to be answered
        all the same.
        """
        try:
            settings = settings_of(project, self._objects, self._bucket)
        except SettingsError:
            settings = None
        if settings is None:
            return Rules(tenant_retrains_per_day=self._tenant_retrains)
        said = settings.respond
        return Rules(
            answers={kind: Action(getattr(said, kind)) for kind in DEFAULTS},
            cool_down=60 * said.cool_down_minutes,
            retrains_per_day=said.retrains_per_day,
            retrains_in_vain=said.retrains_in_vain,
            maintenance=tuple(said.maintenance),
            fails_closed=said.nothing_behind == "fail-closed",
            tenant_retrains_per_day=self._tenant_retrains,
        )
