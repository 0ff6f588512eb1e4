"""Wait for a person's word on a version, without a process and without holding the endpoint."""

from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.registry import Registry
from headgate.aws.sns import Topic
from headgate.aws.stepfunctions import Tasks
from headgate.domain.approval import APPROVED, REFUSED, Wait, expired, refused
from headgate.domain.errors import NotFoundError
from headgate.domain.names import Project
from headgate.domain.notices import asking
from headgate.domain.runs import Ending, Outcome, Run
from headgate.services.take_endpoint import returned

APPROVED_ANSWER = {"outcome": "APPROVED"}
DECIDED = {"outcome": "DECIDED"}
"""What wakes the one that waits: a person has spoken, the registry says what."""


@dataclass(frozen=True, slots=True)
class AwaitApproval:
    """The command: which run's version waits, and the task that waits for it.

    `package` is the version's ARN, `visit` how many whole hours it has waited.
    """

    project: Project
    run: str
    package: str
    why: str
    wait: Wait
    task_token: str
    visit: int

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "AwaitApproval":
        """Read the task's payload."""
        return cls(
            Project(event["tenant"], event["project"]),
            event["run"],
            event["package"],
            event["why"],
            Wait.of(event["approval"]),
            event["task_token"],
            int(event["visit"]),
        )


def await_approval(command: AwaitApproval, *, ledger: Ledger, registry: Registry, tasks: Tasks, topic: Topic) -> str:
    """Look at the registry, and wait where nobody has spoken yet. Safe to repeat; then people may be told twice.

    The task gets its token back with `APPROVED`, or with the run's ending (`outcome`, `reason_code`, `reason`), when it
    was rejected or nobody spoke in time. A version that was approved at the last moment is approved.

    Returns:
        The decision in one word: approved, rejected, expired, waiting, or ended when the run had ended before.
    """
    project = command.project
    run = ledger.run(project, command.run)
    if run is None:
        raise NotFoundError(f"Run {command.run} is not in the ledger.")
    if run.ended:
        tasks.succeed(command.task_token, returned(Ending(Outcome(run.state), str(run.reason_code), str(run.reason))))
        return "ended"
    # The token is kept before the registry is asked, so that a word between the two wakes somebody.
    ledger.wait_for_approval(project, command.run, command.package, command.task_token, command.visit)
    version = registry.version(command.package)
    if version.status == APPROVED:
        # Whoever spoke, by the command line, the console or another tool: the audit trail tells of it.
        ledger.keep_approval(project, command.run, {"said": version.description, "by": version.changed_by})
        tasks.succeed(command.task_token, APPROVED_ANSWER)
        return "approved"
    if version.status == REFUSED:
        tasks.succeed(command.task_token, returned(refused(version)))
        return "rejected"
    if command.wait.is_over(command.visit):
        tasks.succeed(command.task_token, returned(expired(version, command.wait)))
        return "expired"
    if command.wait.is_to_be_told(command.visit):
        _tell(command, run, version.version, ledger, topic)
    return "waiting"


def _tell(command: AwaitApproval, run: Run, version: str, ledger: Ledger, topic: Topic) -> None:
    project = command.project
    head = ledger.head(project)
    behind = ledger.run(project, head.waiting) if head.waiting else None
    left = command.wait.expires_hours - command.visit
    notice = asking(run, version, command.why, hours_left=left, waiting=behind.name if behind else None)
    topic.publish(notice.subject, notice.message, notice.attributes)
