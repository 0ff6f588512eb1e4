"""Reading captured requests and the labels of their answers, no more than a look has time and room for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headgate.aws.s3 import Objects
from headgate.domain.captures import Answered, answers_of
from headgate.domain.errors import NotFoundError
from headgate.domain.names import Project
from headgate.domain.window import newest_since

_MOST_BYTES = 8 * 1024**2
"""Bytes of captured requests of one variant."""
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
        return self._read(config, variant, since, until, first=False)[0]

    def first_answers(
        self, config: str, variants: Sequence[str], since: datetime, until: datetime
    ) -> list[list[Answered]]:
        """What each variant answered from a time on; of very many answers the first ones, and of each until the same
        time: whoever looks again finds those that it has found, and labels that come late find their answers.
        """
        found = [self._read(config, variant, since, until, first=True) for variant in variants]
        end = min((answers[-1].moment for answers, is_all in found if answers and not is_all), default="~")
        return [[row for row in answers if row.moment <= end] for answers, _ in found]

    def _read(
        self, config: str, variant: str, since: datetime, until: datetime, *, first: bool
    ) -> tuple[list[Answered], bool]:
        """The answers by time, and whether these are all."""
        prefix = f"{self.project.captured(config)}{self.project.endpoint}/{variant}/"
        hours, hour = [], since.replace(minute=0, second=0, microsecond=0)
        while hour <= until:
            hours.append(f"{prefix}{hour:%Y/%m/%d/%H}/")
            hour += timedelta(hours=1)
        bodies, is_all = self._bodies(hours, since, first=first)
        begin, end = (f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in (since, until))
        found = [row for body in bodies for line in body.splitlines() for row in answers_of(line)]
        return sorted((row for row in found if begin <= row.moment <= end), key=lambda row: row.moment), is_all

    def _bodies(self, hours: Sequence[str], since: datetime, *, first: bool) -> tuple[list[bytes], bool]:
        """The first or the newest objects under the prefixes, until room or time is used up; whether these are all.

        Of the last one as much is read as there is room for: a busy instance writes more than that in a minute.
        """
        begun, room, bucket, bodies = time.monotonic(), _MOST_BYTES, self.artifact_bucket, list[bytes]()
        for prefix in hours if first else reversed(hours):
            files = newest_since(self.objects.files(bucket, prefix), since)
            for file in reversed(files) if first else files:
                if room <= 0 or time.monotonic() - begun > _MOST_SECONDS:
                    return bodies, False
                try:
                    bodies.append(self.objects.get_newest(bucket, file.key, limit=room)[0])
                except NotFoundError:
                    continue  # it expired in this moment
                room -= file.size
        return bodies, room >= 0
