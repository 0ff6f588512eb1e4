"""Stopping a job: what a Stop request means for the record of every kind of job."""

from collections.abc import Callable

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record
from headgate_local.sagemaker.resources import SETTLED, Collection, Kind


def begins(kind: Kind, record: Record) -> bool:
    """Whether a job begins to stop, or is at it already; raises AWS's refusal if it has ended."""
    status = record[kind.status]
    if status in SETTLED:
        raise invalid(f"The request was rejected because the {kind.noun.replace('-', ' ')} is in status {status}.")
    return bool(status != "Stopping")


def stop(jobs: Collection, name: str, tell: Callable[[Record], None]) -> Record:
    """Have the record of a job say that it is Stopping, and tell of it once; raises AWS's refusal if it has ended."""
    news = False

    def decide(record: Record) -> Record:
        nonlocal news
        news = begins(jobs.kind, record)
        return {jobs.kind.status: "Stopping"}

    record = jobs.change(name, decide)
    if news:
        tell(record)
    return record
