"""Labels that came for a project's answers, as they lie in S3; every reader of them reads the same files."""

import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from headgate.aws.s3 import Objects
from headgate.domain.errors import FeedbackError, NotFoundError
from headgate.domain.feedback import LARGEST, Row, labels_of, read_labels
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
        found = [self._read(key, wanted) for key in self._chosen(since)]
        return [each for each in found if each is not None]

    def write(self, since: datetime, path: Path, is_known: Callable[[str], bool]) -> tuple[int, int]:
        """Write the labels of these files as JSON Lines of `inference`, `number`, `truth` and `line`, the newest last.

        None of them stays in memory, but for one file. Those that are not known are left out.

        Returns:
            How many there are, and how many of them were left out.
        """
        count = unknown = 0
        with path.open("w", encoding="utf-8") as out:
            for key in self._chosen(since):
                begin, known_before = out.tell(), (count, unknown)
                try:
                    for (inference, number), label in labels_of(self._body(key)):
                        count += 1
                        if is_known(label):
                            told = {"inference": inference, "number": number, "truth": label, "line": count}
                            out.write(json.dumps(told) + "\n")
                        else:
                            unknown += 1
                except (FeedbackError, NotFoundError) as error:
                    self._miss(key, error)
                    out.seek(begin)
                    out.truncate()
                    count, unknown = known_before
        return count, unknown

    def _chosen(self, since: datetime) -> list[str]:
        """The files that were written since then and have room together, as they came."""
        chosen, room = [], LARGEST
        for file in newest_since(self.objects.files(self.data_bucket, self.project.feedback), since):
            if file.size > room:
                self.missed(file.key, f"there is no room for its {file.size} bytes")
                continue
            room -= file.size
            chosen.append(file.key)
        return chosen[::-1]

    def _read(self, key: str, wanted: Container[Row] | None) -> dict[Row, str] | None:
        try:
            return read_labels(self._body(key), wanted)
        except (FeedbackError, NotFoundError) as error:
            self._miss(key, error)
        return None

    def _body(self, key: str) -> bytes:
        return self.objects.get_newest(self.data_bucket, key, limit=LARGEST)[0]

    def _miss(self, key: str, error: FeedbackError | NotFoundError) -> None:
        self.missed(key, str(error) if isinstance(error, FeedbackError) else "it was deleted in this moment")
