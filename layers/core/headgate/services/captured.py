"""Reading captured requests and the labels of their answers, no more than a look has time and room for."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from headgate.aws.s3 import Objects
from headgate.domain.captures import Answered, answered
from headgate.domain.errors import FeedbackError, NotFoundError
from headgate.domain.feedback import Row, read_labels
from headgate.domain.names import Project

_MOST_BYTES = 8 * 1024**2
"""Bytes of captured requests of one variant, the newest ones, and of labels."""
_MOST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Captured:
    """The captured requests of a project's endpoint, and labels."""

    objects: Objects
    artifact_bucket: str
    data_bucket: str
    project: Project

    def answers(self, config: str, variant: str, since: datetime, until: datetime) -> list[Answered]:
        """What a variant of a configuration answered between two times, the oldest first, as far as it came to S3.

        Of very many answers the newest ones are read.
        """
        prefix = f"{self.project.captured(config)}{self.project.endpoint}/{variant}/"
        hours, hour = [], since.replace(minute=0, second=0, microsecond=0)
        while hour <= until:
            hours.append(f"{prefix}{hour:%Y/%m/%d/%H}/")
            hour += timedelta(hours=1)
        bodies = self._newest(self.artifact_bucket, hours, since)
        first, last = (f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in (since, until))
        found = [row for _, body in bodies for line in body.splitlines() for row in answered(line)]
        return sorted((row for row in found if first <= row.moment <= last), key=lambda row: row.moment)

    def labels(self, since: datetime) -> dict[Row, str]:
        """The labels that were written since then; the newest of each row. Files that cannot be read are left out."""
        labels: dict[Row, str] = {}
        for file in self.label_files(since):
            labels |= file
        return labels

    def label_files(self, since: datetime) -> list[dict[Row, str]]:
        """The labels that were written since then, file by file, as they came. What cannot be read is left out."""
        files = []
        for _, body in sorted(self._newest(self.data_bucket, [self.project.feedback], since), key=lambda each: each[0]):
            try:
                files.append(read_labels(body))
            except FeedbackError:
                continue
        return files

    def _newest(self, bucket: str, prefixes: list[str], since: datetime) -> Iterator[tuple[datetime, bytes]]:
        """The newest objects under the prefixes and when they were written, until room or time is used up."""
        begun, room = time.monotonic(), _MOST_BYTES
        for prefix in reversed(prefixes):
            written = sorted(self.objects.written(bucket, prefix), key=lambda each: each[2], reverse=True)
            for key, size, at in written:
                if at < since.replace(microsecond=0):
                    continue
                if size > room or time.monotonic() - begun > _MOST_SECONDS:
                    return
                room -= size
                try:
                    yield at, self.objects.get_bytes(bucket, key)
                except NotFoundError:
                    continue  # it expired in this moment
