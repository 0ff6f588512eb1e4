"""Labels that came for a project's answers, as they lie in S3; every reader of them reads the same files."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime

from headgate.aws.s3 import Objects
from headgate.domain.errors import FeedbackError, NotFoundError
from headgate.domain.feedback import LARGEST, Row, read_labels
from headgate.domain.names import Project
from headgate.domain.window import newest_since


def untold(_key: str, _why: str) -> None:
    """Tell nobody of a file that is left out."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The files of labels of a project; `missed` is told the key of each that is left out, and why."""

    project: Project
    objects: Objects
    data_bucket: str
    missed: Callable[[str, str], None] = untold

    def newest(self, since: datetime, wanted: Container[Row] | None = None) -> dict[Row, str]:
        """The labels that were written since then, of each row the newest; of rows that are `wanted`, where named."""
        labels: dict[Row, str] = {}
        for file in self.files(since, wanted):
            labels |= file
        return labels

    def files(self, since: datetime, wanted: Container[Row] | None = None) -> list[dict[Row, str]]:
        """The labels that were written since then, file by file, as they came.

        Of very many the newest files are read that have room together (`LARGEST` bytes). A file that has none, or
        cannot be read, is left out whole, and keeps no other from being read.
        """
        chosen, room = [], LARGEST
        for file in newest_since(self.objects.files(self.data_bucket, self.project.feedback), since):
            if file.size > room:
                self.missed(file.key, f"there is no room for its {file.size} bytes")
                continue
            room -= file.size
            chosen.append(file.key)
        found = [self._read(key, wanted) for key in reversed(chosen)]
        return [each for each in found if each is not None]

    def _read(self, key: str, wanted: Container[Row] | None) -> dict[Row, str] | None:
        try:
            body, _ = self.objects.get_newest(self.data_bucket, key, limit=LARGEST)
            return read_labels(body, wanted)
        except FeedbackError as error:
            self.missed(key, str(error))
        except NotFoundError:
            self.missed(key, "it was deleted in this moment")
        return None
