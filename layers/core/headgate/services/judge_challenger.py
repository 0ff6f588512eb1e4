"""Judge a challenger by what the evaluator measured."""

from dataclasses import dataclass
from typing import Any

from headgate.aws.s3 import Objects
from headgate.domain.gate import GatePolicy, judge
from headgate.domain.names import Project


@dataclass(frozen=True, slots=True)
class JudgeChallenger:
    """The command: whose challenger, and what the project demands of it."""

    project: Project
    run: str
    policy: GatePolicy

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "JudgeChallenger":
        """Read the task's payload."""
        return cls(Project(event["tenant"], event["project"]), event["run"], GatePolicy(**event["gate"]))


def judge_challenger(command: JudgeChallenger, *, objects: Objects, artifact_bucket: str) -> dict[str, Any]:
    """Ask the gate.

    Returns:
        `decision` (pass, fail or inconclusive), `reason_code`, `reason` and the `metrics` that go into the record.
    """
    key = f"{command.project.prefix}runs/{command.run}/evaluation/evaluation.json"
    evaluation = objects.get_json(artifact_bucket, key)
    judgement = judge(evaluation, command.policy)
    kept = ("metric", "direction", "rows", "challenger", "champion", "trivial", "difference", "parity")
    return {
        "decision": str(judgement.decision),
        "reason_code": judgement.reason_code,
        "reason": judgement.reason,
        "metrics": {name: evaluation[name] for name in kept if name in evaluation},
    }
