"""Which projects there are: the buckets tell, for each began with something that was dropped."""

from collections.abc import Iterator

from headgate.aws.s3 import Objects
from headgate.domain.errors import BadKeyError
from headgate.domain.names import Project


def projects_in(objects: Objects, *buckets: str) -> Iterator[Project]:
    """Every project of every tenant that has anything in one of the buckets; each once."""
    known: set[str] = set()
    for bucket in buckets:
        for tenant in objects.folders(bucket, ""):
            if tenant.startswith("_"):
                continue  # of Headgate itself, and of requests that were captured
            for folder in objects.folders(bucket, tenant):
                if folder in known:
                    continue
                known.add(folder)
                try:
                    yield Project(*folder.split("/")[:2])
                except BadKeyError:
                    continue  # a folder of somebody's own
