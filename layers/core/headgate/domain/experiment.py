"""The record of an experiment: what a run was made of, what came out, how long it took and what it cost about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.prices import hourly_price
from headgate.domain.runs import Run

FORMAT = 1
NOT_COUNTED = (
    "reading and splitting the data",
    "storage, requests and the steps between",
    "the endpoint",
)
"""What is paid for besides, and told nowhere by run: the functions' seconds and calls, what lies in S3, what serves."""


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


@dataclass(frozen=True, slots=True)
class Expense:
    """Jobs of one purpose: on how many, and for how many seconds of one machine; None where that is not known."""

    what: str
    jobs: int
    instance_type: str
    machine_seconds: float | None
    basis: str
    """Where the seconds come from: `billed` as AWS says, or `lasted` from a job's start to its end."""

    @property
    def estimated_usd(self) -> float | None:
        """Seconds of a machine times its price on demand; None where the price or the time is not known."""
        price = hourly_price(self.instance_type)
        return None if price is None or self.machine_seconds is None else self.machine_seconds * price / 3600


def training_expense(job: JobFacts) -> Expense:
    """A training job's. Of spare machines AWS bills fewer seconds than it trains on; those are what is counted."""
    seconds = None if job.billable_seconds is None else job.billable_seconds * job.instance_count
    return Expense("training", 1, job.instance_type, seconds, "billed")


def cost_of(expenses: Sequence[Expense]) -> dict[str, Any]:
    """The estimate for a run, USD: its parts and, where every part is known, their sum."""
    parts = [
        {
            "what": each.what,
            "jobs": each.jobs,
            "instance_type": each.instance_type,
            "machine_seconds": each.machine_seconds,
            "basis": each.basis,
            "estimated_usd": _rounded(each.estimated_usd),
        }
        for each in expenses
    ]
    known = [each.estimated_usd for each in expenses]
    total = _rounded(sum(usd for usd in known if usd is not None)) if None not in known else None
    return {"estimated_usd": total, "parts": parts, "not_counted": list(NOT_COUNTED)}


def experiment_record(
    run: Run, job: JobFacts | None, expenses: Sequence[Expense], metrics: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What `runs/<run>/experiment.json` says of a run that has ended.

    `job` is what trained the challenger (of a search the best trial) and `metrics` what it wrote; both are None where
    nothing did.
    """
    told = metrics or {}
    return {
        "format": FORMAT,
        "tenant": run.tenant,
        "project": run.project,
        "run": run.run,
        "dataset": run.dataset,
        "arrived_at": run.arrived_at,
        "ended_at": run.ended_at,
        "outcome": run.state,
        "reason_code": run.reason_code,
        "version": run.version,
        "metrics": run.metrics,
        "parameters": told.get("settings"),
        "training": {name: told.get(name) for name in ("epochs", "best_epoch", "parameters", "rows", "workers")},
        "history": told.get("history"),
        "seconds": told.get("seconds"),
        "identity": {
            "dataset": run.dataset,
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
            "estimated_usd": _rounded(training_expense(job).estimated_usd),
        },
        "cost": cost_of(expenses),
    }


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 6)
