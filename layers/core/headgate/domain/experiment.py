"""The record of an experiment: what a run was made of, what came out, how long it took and what it cost about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.prices import hourly_price

FORMAT = 1


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A training job as it was described: its machines, and the seconds that each of them was paid for."""

    name: str
    status: str
    instance_type: str
    instance_count: int
    billable_seconds: float | None
    training_seconds: float | None
    spot: bool
    code: str
    """Where its program lies."""
    model_data_url: str | None


def estimated_cost(job: JobFacts) -> float | None:
    """USD: seconds paid for, times machines, times the price on demand. None where the price or the time is not known.

    Of spare machines AWS bills fewer seconds than it trains on; those are what is counted.
    """
    price = hourly_price(job.instance_type)
    if price is None or job.billable_seconds is None:
        return None
    return round(job.billable_seconds * job.instance_count * price / 3600, 6)


def experiment_record(
    run: Mapping[str, str], ending: Mapping[str, Any], job: JobFacts | None, metrics: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What `runs/<run>/experiment.json` says; `metrics` is what training wrote, and both are None where it did not run.

    `run` has tenant, project, run and dataset; `ending` outcome, reason_code, version and metrics of the holdout.
    """
    told = metrics or {}
    return {
        "format": FORMAT,
        **run,
        **ending,
        "parameters": told.get("settings"),
        "training": {name: told.get(name) for name in ("epochs", "best_epoch", "parameters", "rows", "workers")},
        "history": told.get("history"),
        "seconds": told.get("seconds"),
        "identity": {
            "dataset": run["dataset"],
            "data_digest": told.get("data_digest"),
            "code": job.code if job else None,
            "code_digest": told.get("code_digest"),
            "versions": told.get("versions"),
        },
        "job": None
        if job is None
        else {
            "name": job.name,
            "status": job.status,
            "instance_type": job.instance_type,
            "instance_count": job.instance_count,
            "training_seconds": job.training_seconds,
            "billable_seconds": job.billable_seconds,
            "spot": job.spot,
            "estimated_usd": estimated_cost(job),
        },
    }
