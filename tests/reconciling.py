"""A project as the reconciler's tests find it, for the handler and moto's account."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunEnded, RunStarted
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome

Invoke = Callable[[str, dict[str, Any]], Any]
IRIS = Project("demo", "iris")
AT = "2026-01-01T00:00:00.000Z"
OVER = Ending(Outcome.NOT_PROMOTED, "NOT_BETTER", "Not better.")


class World:
    """One project, demo/iris, rounds of the reconciler, and what people are told."""

    def __init__(self, invoke: Invoke, ledger: Ledger, aws: boto3.Session, make_run: Callable[..., Any]) -> None:
        self._invoke, self.ledger, self.aws, self.make_run = invoke, ledger, aws, make_run
        self._inbox = aws.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
        topic = aws.client("sns").list_topics()["Topics"][0]["TopicArn"]
        aws.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:inbox"
        )
        aws.client("s3").put_object(Bucket="data", Key="demo/iris/readme", Body=b"")

    def round(self, **event: Any) -> dict[str, str]:
        """What was done about each kind of finding, but for the rule that is gone in all of these tests."""
        told = self._invoke("reconcile", event)
        json.dumps(told)
        return {each["kind"]: each["done"] for each in told["findings"] if each["kind"] != "rule-gone"}

    def told(self) -> list[str]:
        """The subjects of the messages since the last time one looked."""
        found = self.aws.client("sqs").receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            self.aws.client("sqs").delete_message(QueueUrl=self._inbox, ReceiptHandle=each["ReceiptHandle"])
        subjects = [json.loads(each["Body"])["Subject"] for each in found]
        return sorted(subject for subject in subjects if "rule-gone" not in subject)

    def unreadable(self, project: str) -> None:
        """Another project, which cannot be looked at."""
        item = {"pk": {"S": f"demo#{project}"}, "sk": {"S": "RUN#x"}, "run": {"S": "x"}}
        self.aws.client("dynamodb").put_item(TableName="ledger", Item=item)
        self.aws.client("s3").put_object(Bucket="data", Key=f"demo/{project}/readme", Body=b"")

    def executions(self) -> dict[str, str]:
        client = self.aws.client("stepfunctions")
        machines = [each["stateMachineArn"] for each in client.list_state_machines()["stateMachines"]]
        found = [each for arn in machines for each in client.list_executions(stateMachineArn=arn)["executions"]]
        return {each["name"]: each["executionArn"] for each in found}

    def stop(self, name: str) -> None:
        self.aws.client("stepfunctions").stop_execution(executionArn=self.executions()[name])

    def running(self, name: str = "0123456789", **changes: Any) -> Any:
        """A run that is the active one by the ledger, and has no execution."""
        run = self.make_run(name, **changes)
        self.ledger.add_run(run)
        self.ledger.write(IRIS, replace(self.ledger.head(IRIS), active=run.run), RunStarted(run.run))
        return run

    def ended(self, run: Any) -> None:
        """A run that ended, as if whoever closed it had died before the rest."""
        head = self.ledger.head(IRIS)
        self.ledger.write(IRIS, replace(head, active=None), RunEnded(run.run, OVER, AT))

    def state(self, run: Any) -> str:
        known = self.ledger.run(IRIS, run.run)
        assert known is not None
        return known.state
