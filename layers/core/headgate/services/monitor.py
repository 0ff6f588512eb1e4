"""What a look at an endpoint's requests needs of the world, and what comes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.window import FUNCTION_BYTES, File, Window, name_of
from headgate.services.labels import untold

Publish = Callable[[Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class Monitor:
    """What a look needs of the world; `workdir` has room for what one window reads, three times. `key` tells the ARN of
    the key that machines write under. `function_bytes` are read here at most.
    """

    ledger: Ledger
    objects: Objects
    data_bucket: str
    artifact_bucket: str
    workdir: Path
    key: Callable[[], str]
    function_bytes: int = FUNCTION_BYTES
    missed: Callable[[str, str], None] = untold

    def fetch(self, key: str, path: Path) -> Path:
        """Bring an artifact to disk."""
        self.objects.get_file(self.artifact_bucket, key, path)
        return path


@dataclass(frozen=True, slots=True)
class Requests:
    """Captured requests that are one window or the beginning of one, and the window `before` it."""

    project: Project
    release: Release
    before: Window | None
    files: Sequence[File]
    now: str

    @property
    def number(self) -> int:
        """The window's."""
        return self.before.number + 1 if self.before else 1

    @property
    def name(self) -> str:
        """The window's, for whoever reads the same files."""
        return name_of(self.number, self.files)

    @property
    def begun_at(self) -> str:
        """When the first of its files was written."""
        return min(file.at for file in self.files)

    @property
    def place(self) -> str:
        """Where its report begins in the artifact bucket; ends with a slash."""
        return f"{self.project.prefix}monitor/{self.release.sequence}/{self.name}/"

    @property
    def answers(self) -> str:
        """Where windows' answers lie in the artifact bucket: beside the requests, so that they go when those go."""
        return f"{self.project.captured(self.release.name)}answers/"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look: `decision` is JUDGED with its window, or why nothing was judged."""

    decision: str
    window: Window | None = None
    rows: int = 0
