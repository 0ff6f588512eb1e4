"""The table of all operations that the local SageMaker knows.

To add one: write what it does as a function of the service and the request, in the module of its kind of resource,
and add a line here. Checking the request, the permissions and the form of the response is not its business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from headgate_local.sagemaker import endpoints, model_packages, models, processing_jobs, tags, training_jobs
from headgate_local.sagemaker.resources import Kind, Record, arn

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker


@dataclass(frozen=True)
class Operation:
    """What one operation does, and what its caller's policies must allow."""

    run: Callable[["SageMaker", Record], Record]
    on: tuple[tuple[str, str], ...] = ()
    """The resources that it touches: noun of the ARN, and the member that names it (or is the ARN)."""
    passes: str | None = None
    """The member with a role that the caller hands to SageMaker (iam:PassRole)."""

    def resources(self, request: Record) -> list[str]:
        """The ARNs of the resources that it touches, for IAM; ``*`` for none."""
        named = [(noun, str(request.get(member, "*"))) for noun, member in self.on]
        return [name if name.startswith("arn:") else arn(noun, name) for noun, name in named] or ["*"]


def _on(*kinds: Kind) -> tuple[tuple[str, str], ...]:
    return tuple((kind.noun, kind.name) for kind in kinds)


def _kind(kind: Kind, plural: str, singular: str, collection: str) -> dict[str, Operation]:
    """Describe and List, which are alike for every kind."""

    def describe(sagemaker: "SageMaker", request: Record) -> Record:
        found: Record = getattr(sagemaker, collection).describe(f"Describe{singular}", request[kind.name])
        return found

    def listing(sagemaker: "SageMaker", request: Record) -> Record:
        found: Record = getattr(sagemaker, collection).listing(f"List{plural}", request)
        return found

    return {f"Describe{singular}": Operation(describe, _on(kind)), f"List{plural}": Operation(listing)}
