"""Reading captured requests and the labels of their answers, no more than a look has time and room for."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from headgate.aws.s3 import Objects
from headgate.domain.captures import Answered, answers_of
from headgate.domain.errors import NotFoundError
from headgate.domain.names import Project
from headgate.domain.window import newest_since

_MOST_BYTES = 8 * 1024**2
"""Bytes of captured requests of one variant, the newest ones."""
_MOST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Captured:
    """The captured requests of a project's endpoint."""

    objects: Objects
    artifact_bucket: str
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
        bodies = self._newest(hours, since)
        first, last = (f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in (since, until))
        found = [row for body in bodies for line in body.splitlines() for row in answers_of(line)]
        return sorted((row for row in found if first <= row.moment <= last), key=lambda row: row.moment)

    def _newest(self, prefixes: list[str], since: datetime) -> Iterator[bytes]:
        """The newest objects under the prefixes, until room or time is used up."""
        begun, room, bucket = time.monotonic(), _MOST_BYTES, self.artifact_bucket
        for prefix in reversed(prefixes):
            for file in newest_since(self.objects.files(bucket, prefix), since):
                if file.size > room or time.monotonic() - begun > _MOST_SECONDS:
                    return
                room -= file.size
                try:
                    yield self.objects.get_bytes(bucket, file.key)
                except NotFoundError:
                    continue  # it expired in this moment
