"""Who may have work done, and how much: the register's entry of a tenant, and why an upload is refused by it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Standing(StrEnum):
    """How a tenant is. What serves goes on serving, and is watched, in each of them."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    LEAVING = "LEAVING"
    REMOVED = "REMOVED"


PROJECTS = 50
"""How many projects a tenant may have whose stack was deployed before there was such a quota."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most that a tenant may have: instances of one endpoint, trials of one search, USD that the runs of a month
    cost, GB in both buckets, and projects, each of which has one run at a time.
    """

    instances: int
    trials: int
    money: float
    storage: float
    projects: int = PROJECTS


NO_QUOTAS = Quotas(0, 0, 0.0, 0.0, 0)
"""What may be had by a tenant that is not there any more."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as its stack registers it. `leaves_on` is the day (UTC, ISO 8601) from which its things may go,
    and `key` the ARN of the key that they lie under.
    """

    tenant: str
    standing: str
    quotas: Quotas
    leaves_on: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What a tenant has used: USD by month (`2026-11`), the bytes that it keeps, as counted on a day, and the projects
    that it has dropped data for.
    """

    money: dict[str, float] = field(default_factory=dict)
    stored: int = 0
    counted_on: str = ""
    projects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing new is begun for a tenant; the sentence says what to do."""

    code: str
    sentence: str


def refusal(name: str, tenant: Tenant | None, used: Used, month: str) -> Refusal | None:
    """Why no dataset of this tenant is taken in a month (`2026-11`); None when it is welcome."""
    if tenant is None:
        return Refusal(
            "NO_TENANT", f"There is no tenant {name}. `headgate tenant add {name}` adds it; drop the data again then."
        )
    if tenant.standing == Standing.SUSPENDED:
        return Refusal(
            "TENANT_SUSPENDED",
            f"The tenant {name} is suspended. `headgate tenant resume {name}` lets it go on; drop the data again then.",
        )
    if tenant.standing == Standing.LEAVING:
        return Refusal(
            "TENANT_LEAVING",
            f"The tenant {name} is to be removed, on {tenant.leaves_on} at the earliest. "
            f"`headgate tenant resume {name}` keeps it.",
        )
    return _over(name, tenant.quotas, used, month)


def _over(name: str, quotas: Quotas, used: Used, month: str) -> Refusal | None:
    spent, stored = used.money.get(month, 0.0), used.stored / 1e9
    if spent >= quotas.money:
        return Refusal(
            "QUOTA_MONEY",
            f"The runs of {name} have cost {spent:.2f} USD this month, and its quota is {quotas.money:g}. "
            f"`headgate tenant add {name} --money N` raises it; or wait for the next month.",
        )
    if stored >= quotas.storage:
        return Refusal(
            "QUOTA_STORAGE",
            f"{name} keeps {stored:.1f} GB, and its quota is {quotas.storage:g}. Delete what is not needed, in "
            f"all versions, or raise it: `headgate tenant add {name} --storage N`.",
        )
    return None


def too_many_projects(name: str, most: int) -> Refusal:
    """Why no data is taken for a project that is new."""
    return Refusal(
        "QUOTA_PROJECTS",
        f"{name} has as many projects as its quota allows, which is {most}. Drop the data for one of them, or raise "
        f"it: `headgate tenant add {name} --projects N`.",
    )


def too_many_instances(name: str, most: int, wanted: int) -> str | None:
    """Why an endpoint may not have so many instances; None when it may."""
    if wanted <= most:
        return None
    return (
        f"project.yaml lets the endpoint have {wanted} instances, and the quota of {name} is {most}. Name less as "
        f"endpoint.scaling.max, or raise it: `headgate tenant add {name} --instances N`."
    )


def too_many_trials(name: str, most: int, wanted: int) -> str | None:
    """Why a search may not make so many trials; None when it may."""
    if wanted <= most:
        return None
    return (
        f"The search would make {wanted} trials, and the quota of {name} is {most}. Name less as tuning.trials, or "
        f"raise it: `headgate tenant add {name} --trials N`."
    )
