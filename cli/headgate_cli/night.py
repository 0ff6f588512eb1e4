"""A night: projects made for the occasion, each with a version that serves and one before it, and every scene."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from headgate.domain.names import Project
from headgate.domain.runs import Outcome
from headgate_cli import upload
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError
from headgate_cli.following import Follower, utc_now
from headgate_cli.invented import GOOD, WEAK, table
from headgate_cli.planning import plan
from headgate_cli.rehearsal import Rehearsal, instances_of
from headgate_cli.rows import read_rows
from headgate_cli.scenes import SCENES
from headgate_cli.timeline import Played, Timeline

TENANT = "night"
CAST: Mapping[str, str] = {"model": "bad-model", "drift": "drift", "outage": "outage"}
"""The scenes that are played beside each other, by project; the storm comes last, over all of them."""
_STORM = "storm"
_ENDPOINT = (
    "endpoint: {instance_count: 1, alarms: {bad_minutes: 1}, rollout: {bake_minutes: 0, termination_wait_minutes: 0}}\n"
)


@dataclass(frozen=True, slots=True)
class Night:
    """What a night is played with; `folder` is for the data that it makes up, `tell` gets each line as it happens."""

    cloud: Cloud
    folder: Path
    timeout: float
    tell: Callable[[str], None]

    def play(self) -> list[Played]:
        """Prepare the projects, and play every scene.

        Raises:
            CommandError: when a project cannot be prepared.
        """
        tag = f"{utc_now():%d%H%M%S}"  # a second night finds nothing of the first one's
        with ThreadPoolExecutor(len(CAST) + 1) as pool:
            made = {name: pool.submit(self._prepared, f"{name}-{tag}", name) for name in (*CAST, _STORM)}
            stages = {name: found.result() for name, found in made.items()}
            played = list(pool.map(lambda name: play(CAST[name], stages[name]), CAST))
        return [*played, play(_STORM, stages[_STORM])]

    def _prepared(self, name: str, scene: str) -> Rehearsal:
        project = Project(TENANT, name)
        self.tell(f"{name}: a weak first version is trained and put in service, then a better one")
        self._settings(project, WEAK + _ENDPOINT)
        self._served(project, self._table(f"{name}-weak", 2000, seed=1))
        self._settings(project, GOOD + _ENDPOINT)
        file = self._table(name, 4000, seed=3)
        self._served(project, file)
        line = Timeline(CAST.get(scene, scene), name, self.tell)
        return Rehearsal(self.cloud, project, instances_of(self.cloud, project, read_rows(file)), line, self.timeout)

    def _table(self, name: str, rows: int, seed: int) -> Path:
        path = self.folder / f"{name}.csv"
        path.write_bytes(table(rows, seed))
        return path

    def _settings(self, project: Project, text: str) -> None:
        s3 = self.cloud.client("s3")
        s3.put_object(Bucket=self.cloud.data_bucket, Key=project.settings, Body=text.encode())

    def _served(self, project: Project, file: Path) -> None:
        ref = upload.upload(self.cloud, project, plan(project, [file], utc_now()))
        *_, [ended] = Follower(self.cloud).follow([ref], self.timeout)
        if ended.outcome != Outcome.PROMOTED:
            why = ended.record.reason if ended.record else "It has no record."
            raise CommandError(f"{project.name} could not be prepared for the night: {ended.outcome}. {why}")


def play(scene: str, rehearsal: Rehearsal) -> Played:
    """Play one scene; what does not happen in time is an ending too, and no good one."""
    rehearsal.timeline.restart()
    try:
        return SCENES[scene](rehearsal)
    except CommandError as error:
        rehearsal.note("rehearsal", str(error))
        return Played(rehearsal.timeline, good=False, ending=str(error))
