"""Keys of the ledger, each spelled once: partitions, by which IAM tells tenants apart, and what lies in them."""

from headgate.domain.incidents import is_incident
from headgate.domain.names import Project

RUN, RELEASE, INCIDENT, WINDOW = "RUN#", "RELEASE#", "INCIDENT#", "WINDOW#"
"""What the sort keys of each kind begin with."""
OWNER = "OWNER"
"""The sort key of the one item of an endpoint: whose it is, and its lease."""


def endpoint_key(endpoint: str) -> str:
    """The partition of an endpoint; also what those of endpoints begin with that begin so."""
    return f"ENDPOINT#{endpoint}"


def tenant_key(name: str) -> str:
    """The partition of what the system keeps of a tenant, and the name of its own audit trail."""
    return f"TENANT#{name}"


def project_key(project: Project) -> str:
    """The partition of everything that a project is and did."""
    return f"{project.tenant}#{project.name}"


def run_key(run: str) -> str:
    """The sort key of a run."""
    return f"{RUN}{run}"


def incident_key(incident: str) -> str:
    """The sort key of an incident; within a project they sort as the alarms rang."""
    return f"{INCIDENT}{incident}"


def holder_key(holder: str) -> str:
    """The sort key of whoever holds or wants an endpoint: a run, or an incident."""
    return incident_key(holder) if is_incident(holder) else run_key(holder)


def retrains_key(tenant: str, day: str) -> tuple[str, str]:
    """The key of the count of retrainings that alarms of a tenant asked for on a day."""
    return tenant_key(tenant), f"RETRAINS#{day}"


def spent_key(run: str) -> str:
    """The sort key, in its tenant's partition, of what tells that a run's cost was counted."""
    return f"SPENT#{run}"


def window_key(release: int, number: int | None = None) -> str:
    """The sort key of a release's window, or what all of them begin with; keys sort as windows do."""
    return f"{WINDOW}{release:08d}#" + (f"{number:08d}" if number is not None else "")


def release_key(sequence: int) -> str:
    """The sort key of a release; keys sort as releases do."""
    return f"{RELEASE}{sequence:08d}"
