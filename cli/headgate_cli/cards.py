"""Model cards: from the artifact bucket to this computer."""

from dataclasses import dataclass
from typing import Any

from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError
from headgate_cli.registry import describe_version
from headgate_cli.runs import Artifacts, Records, RunRef, ref_of


@dataclass(frozen=True, slots=True)
class Card:
    """A model card as the judge wrote it: for programs, and as a page for people."""

    content: dict[str, Any]
    page: bytes


def find(cloud: Cloud, which: str, project: Project | None) -> RunRef:
    """The run that is meant: by its id, or by the number of the version that came of it.

    Raises:
        UsageError: when there is no such run or version, or a version is named without its project.
    """
    if not which.isdecimal():
        return ref_of(Records(cloud).find_run(which))
    if project is None:
        raise UsageError(f"Version {which} of which project? Name it with --project.")
    properties = describe_version(cloud, project, which).get("CustomerMetadataProperties", {})
    if "dataset" not in properties:
        raise UsageError(f"Version {which} of {project.name} does not say which run it came of, so it has no card.")
    return RunRef(project, properties["dataset"])


def fetch(cloud: Cloud, ref: RunRef) -> Card:
    """The card of a run.

    Raises:
        UsageError: when the run has none.
    """
    artifacts = Artifacts(cloud)
    content, page = artifacts.card(ref), artifacts.card_page(ref)
    if content is None or page is None:
        raise UsageError(f"{ref.run} has no model card: no model of it was judged, or not yet.")
    return Card(content, page)
