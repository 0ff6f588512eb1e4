"""Judge a challenger by what the evaluator measured."""

from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.evidence import entries
from headgate.domain.formats import PRUNED, bought
from headgate.domain.gate import Decision, GatePolicy, judge
from headgate.domain.names import Project
from headgate.domain.runs import attempts


@dataclass(frozen=True, slots=True)
class JudgeChallenger:
    """The command: whose challenger, and what the project demands of it."""

    project: Project
    run: str
    policy: GatePolicy

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "JudgeChallenger":
        """Read the task's payload."""
        gate = event["gate"]
        policy = GatePolicy(**{**gate, "sensitive": tuple(gate.get("sensitive", ()))})
        return cls(Project(event["tenant"], event["project"]), event["run"], policy)


def judge_challenger(
    command: JudgeChallenger, *, objects: Objects, ledger: Ledger, artifact_bucket: str
) -> dict[str, Any]:
    """Ask the gate.

    Returns:
        `decision` (pass, fail or inconclusive), `reason_code`, `reason`, the engine's `format` to serve with
        `format_reason`, the `archive` of the version where that is not the one that training wrote, and the `metrics`
        that go into the record: what was measured and decided, and of a challenger that passed the `format` and what
        it `bought`.
    """
    folder = f"{command.project.run_folder(command.run)}evaluation/"
    evaluation = objects.get_json(artifact_bucket, f"{folder}evaluation.json")
    champion = ledger.head(command.project).champion
    attempt = attempts(ledger.runs_of_project(command.project), command.run, champion) if champion else 1
    judgement = judge(evaluation, command.policy, attempt)
    kept = ("metric", "direction", "rows", "challenger", "champion", "trivial", "difference", "newest", "parity")
    metrics = {name: evaluation[name] for name in kept if name in evaluation}
    metrics |= {"decision": str(judgement.decision), "attempt": attempt}
    if judgement.decision is Decision.PASS:
        metrics["format"] = judgement.format
        metrics["bought"] = bought(entries(evaluation, "formats"), judgement.format)
    return {
        "decision": str(judgement.decision),
        "reason_code": judgement.reason_code,
        "reason": judgement.reason,
        "format": judgement.format,
        "format_reason": judgement.format_reason,
        "archive": f"s3://{artifact_bucket}/{folder}pruned/model.tar.gz" if judgement.format == PRUNED else None,
        "metrics": metrics,
    }
