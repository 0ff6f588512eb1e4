"""Register a version that passed the gate, with everything that identifies how it came to be."""

from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.registry import Registry
from headgate.domain.approval import APPROVED, PENDING
from headgate.domain.audit import Change
from headgate.domain.keys import run_key
from headgate.domain.names import Project


@dataclass(frozen=True, slots=True)
class RegisterVersion:
    """The command: a trained and judged model; `manual`: a person has to approve of it."""

    project: Project
    run: str
    dataset: str
    model_data_url: str
    metrics: dict[str, Any]
    format: str = "float32"
    manual: bool = False

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "RegisterVersion":
        """Read the task's payload."""
        return cls(
            Project(event["tenant"], event["project"]),
            event["run"],
            event["dataset"],
            event["model_data_url"],
            event["metrics"],
            event.get("format") or "float32",
            (event.get("approval") or {}).get("mode") == "manual",
        )


def register_version(
    command: RegisterVersion,
    *,
    registry: Registry,
    ledger: Ledger,
    serving_image: str,
    code: str,
    artifact_bucket: str,
) -> dict[str, str]:
    """Put the version into the project's group of the registry.

    Returns:
        Its `version` number and its ARN, `package`; the same ones however often the run asks.
    """
    project = command.project
    group = project.endpoint
    registry.ensure_group(group, f"Versions of {project.name} of {project.tenant}", project.tags)
    status = PENDING if command.manual else APPROVED
    wanted = {"status": status, "model_data_url": command.model_data_url, "dataset": command.dataset, "code": code}
    change = Change(run_key(command.run), {}, wanted)
    ledger.record(project, "version registered", "It passed the gate.", change)
    metric = str(command.metrics["metric"])
    evaluation = f"s3://{artifact_bucket}/{project.run_folder(command.run)}evaluation/"
    package = registry.register(
        group,
        command.run,
        status=status,
        image=serving_image,
        model_data_url=command.model_data_url,
        metrics_url=f"{evaluation}evaluation.json",
        properties={
            "tenant": project.tenant,
            "project": project.name,
            "run": command.run,
            "dataset": command.dataset,
            "code": code,
            "format": command.format,
            "metric": metric,
            "value": f"{command.metrics['challenger'][metric]:.6g}",
            "card": f"{evaluation}card.html",
            "rows": str(command.metrics["rows"]),
        },
    )
    return {"version": package.rpartition("/")[2], "package": package}
