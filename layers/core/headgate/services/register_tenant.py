"""A tenant's stack is created, changed or deleted: the register says so from then on."""

from dataclasses import replace
from typing import Any

from headgate.aws.tenants import Tenants
from headgate.domain.errors import BadKeyError
from headgate.domain.names import TENANT, UNKNOWN
from headgate.domain.tenants import PROJECTS, Quotas, Standing, Tenant


def parse_tenant(properties: dict[str, Any]) -> Tenant:
    """Read the properties of the custom resource; CloudFormation brings every value as text.

    Raises:
        BadKeyError: when the name cannot be a tenant's.
        ValueError: when a quota is no number, or there is no such standing.
    """
    name = str(properties["Tenant"])
    if not TENANT.fullmatch(name) or name == UNKNOWN:
        raise BadKeyError(
            f"{name!r} cannot be a tenant: use 3 to 18 lower-case letters and digits, beginning with a letter, and not "
            f"{UNKNOWN!r}."
        )
    quotas = Quotas(
        int(properties["Instances"]),
        int(properties["Trials"]),
        float(properties["MoneyPerMonth"]),
        float(properties["StorageGigabytes"]),
        int(properties.get("Projects", PROJECTS)),
    )
    leaves_on, key = (str(properties.get(each, "")) for each in ("LeavesOn", "Key"))
    return Tenant(name, Standing(properties["Standing"]), quotas, leaves_on, key)


def register_tenant(tenant: Tenant, *, tenants: Tenants, removed: bool) -> str:
    """Write the entry of a tenant, as one that is removed when its stack is deleted. Both can be repeated.

    Returns:
        The decision in one word.
    """
    if removed:
        tenant = replace(tenant, standing=Standing.REMOVED)
    tenants.register(tenant, "Its stack was deleted." if removed else "Its stack says so.")
    return str(tenant.standing).lower()
