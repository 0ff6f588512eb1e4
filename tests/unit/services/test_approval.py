"""A version waits for a person's word: moto's registry, ledger and topic, the events of the registry."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.registry import Registry
from headgate.domain.approval import APPROVED, PENDING, REFUSED, Wait
from headgate.domain.notices import asking
from headgate.domain.runs import Ending, Outcome, Run
from headgate.services.await_approval import AwaitApproval, await_approval
from headgate.services.register_version import RegisterVersion, register_version
from headgate.services.runs import Runs
from headgate.services.version_changed import wake_approved

from .conftest import IRIS, FakeTasks

EVALUATION = {"metric": "auc", "challenger": {"auc": 0.9}, "rows": 100}


class Heard:
    """What people were told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def publish(self, _subject: str, message: str, _attributes: dict[str, str]) -> None:
        self.messages.append(message)


class Waiting:
    """The version of a run that a person has to approve of, and everybody around it."""

    def __init__(self, ledger: Ledger, client: Any, run: Run) -> None:
        self.ledger, self.client, self.run = ledger, client, run
        self.registry = registry = Registry(client)
        self.tasks, self.topic = FakeTasks(), Heard()
        ledger.add_run(run)
        command = RegisterVersion(IRIS, run.run, run.dataset, "s3://artifacts/model.tar.gz", EVALUATION, manual=True)
        self.package = register_version(
            command,
            registry=registry,
            ledger=ledger,
            serving_image="image",
            code="abc",
            artifact_bucket="artifacts",
        )["package"]

    def asks(self, visit: int = 0, token: str = "token") -> str:
        command = AwaitApproval(IRIS, self.run.run, self.package, "It is better.", Wait(72, 24), token, visit)
        return await_approval(command, ledger=self.ledger, registry=self.registry, tasks=self.tasks, topic=self.topic)

    def says(self, status: str, words: str) -> None:
        """A person speaks. AWS keeps a version's properties then; moto forgets them."""
        properties = self.client.describe_model_package(ModelPackageName=self.package)["CustomerMetadataProperties"]
        self.registry.decide(self.package, status, words)
        self.client.update_model_package(
            ModelPackageArn=self.package,
            ModelApprovalStatus=status,
            ApprovalDescription=self.registry.version(self.package).description,
            CustomerMetadataProperties=properties,
        )

    def hears(self, package: str | None = None) -> str:
        event = {"detail": {"ModelPackageArn": package or self.package, "ModelApprovalStatus": APPROVED}}
        return wake_approved(event, ledger=self.ledger, registry=self.registry, tasks=self.tasks)


@pytest.fixture
def waiting(aws: boto3.Session, ledger: Ledger, make_run: Callable[..., Run]) -> Waiting:
    return Waiting(ledger, aws.client("sagemaker"), make_run("a"))


def test_a_version_waits_until_a_person_approves(waiting: Waiting) -> None:
    assert waiting.registry.version(waiting.package).status == PENDING
    assert waiting.asks() == "waiting"
    assert waiting.hears() == "pending"  # an event that says more than the registry does
    waiting.says(APPROVED, "Approved by ada: looks right")
    assert [waiting.hears(), waiting.hears()] == ["woken", "awake"]
    assert [waiting.asks(token="again") for _ in range(2)] == ["approved", "approved"]
    assert waiting.tasks.outputs == {"token": {"outcome": "DECIDED"}, "again": {"outcome": "APPROVED"}}
    last = json.loads(waiting.ledger.trail.entries("demo#iris")[-1].text)  # the word may have come by the console
    assert (last["what"], last["changes"][0]["after"]["approved"]["said"]) == (
        ["approval found"],
        "Approved by ada: looks right",
    )
    assert len(waiting.ledger.trail.entries("demo#iris")) == 3  # added, registered, approved: however often it is asked


def test_a_rejected_version_is_told_with_the_persons_reason(waiting: Waiting) -> None:
    waiting.asks()
    waiting.says(REFUSED, "Rejected by ada:\nthe ward moved")
    assert waiting.asks(token="again") == "rejected"
    told = waiting.tasks.outputs["again"]
    assert (told["outcome"], told["reason_code"]) == ("NOT_PROMOTED", "NOT_APPROVED")
    assert told["reason"] == "Version 1 was rejected in the registry: Rejected by ada: the ward moved."


def test_people_are_told_at_once_and_reminded(waiting: Waiting) -> None:
    decisions = [waiting.asks(visit, f"token {visit}") for visit in range(72)]
    assert set(decisions) == {"waiting"}
    assert [message.count("in 72 hours") for message in waiting.topic.messages] == [1, 0, 0]
    assert ["in 48 hours" in message for message in waiting.topic.messages] == [False, True, False]
    assert "headgate approve --project iris --tenant demo 1" in waiting.topic.messages[0]


def test_a_reminder_says_that_a_newer_dataset_waits(waiting: Waiting, make_run: Callable[..., Run], runs: Runs) -> None:
    runs.request_start(waiting.run)
    newer = make_run("b")
    waiting.ledger.add_run(newer)
    assert runs.request_start(newer) == "waiting"
    waiting.asks()
    assert "A newer dataset, b.csv, waits behind it." in waiting.topic.messages[0]


def test_nobody_waits_for_ever(waiting: Waiting) -> None:
    assert waiting.asks(71) == "waiting"
    assert waiting.asks(72, "last") == "expired"
    told = waiting.tasks.outputs["last"]
    assert (told["outcome"], told["reason_code"]) == ("NOT_PROMOTED", "APPROVAL_EXPIRED")
    assert "within 72 hours" in told["reason"]


def test_who_is_approved_at_the_last_moment_is_approved(waiting: Waiting) -> None:
    waiting.says(APPROVED, "Late, but here.")
    assert waiting.asks(72) == "approved"


def test_a_token_of_an_earlier_hour_does_not_take_the_place_of_a_later_one(waiting: Waiting) -> None:
    waiting.asks(2, "later")
    waiting.asks(1, "earlier")
    waiting.says(APPROVED, "Yes.")
    assert waiting.hears() == "woken"
    assert "later" in waiting.tasks.outputs


def test_a_run_that_has_ended_waits_no_more(waiting: Waiting, runs: Runs) -> None:
    waiting.asks()
    ending = Ending(Outcome.FAILED, "ABORTED", "It was stopped.")
    runs.end(IRIS, waiting.run.run, ending)
    waiting.says(APPROVED, "Too late.")
    assert waiting.hears() == "ignored"
    assert waiting.asks(1, "again") == "ended"
    assert waiting.tasks.outputs["again"]["outcome"] == "FAILED"


def test_events_of_other_versions_wake_nobody(waiting: Waiting) -> None:
    waiting.asks()
    registry = waiting.registry
    properties = {"tenant": "demo", "project": "iris", "run": waiting.run.run}
    options: dict[str, Any] = {"status": APPROVED, "image": "image", "metrics_url": "s3://artifacts/evaluation.json"}
    archive = "s3://artifacts/model.tar.gz"
    registry.ensure_group("somebody-elses", "Not ours", {})
    forged = registry.register("somebody-elses", "x", model_data_url=archive, properties=properties, **options)
    nameless = registry.register("somebody-elses", "y", model_data_url=archive, properties={"a": "b"}, **options)
    gone = f"{waiting.package}7"
    assert [waiting.hears(package) for package in (forged, nameless, gone)] == ["ignored"] * 3
    assert waiting.tasks.outputs == {}


def test_what_people_are_told_names_the_commands() -> None:
    run = Run("demo-iris-a", "demo", "iris", "a", "a.csv", "1", "2026-01-01T00:00:00.000Z")
    notice = asking(run, "3", "It is better.", hours_left=5, waiting=None)
    assert notice.subject == "demo/iris: version 3 waits for approval"
    assert 'headgate reject --project iris --tenant demo 3 --reason "..."' in notice.message
    assert "in 5 hours" in notice.message
    assert notice.attributes["outcome"] == "WAITING_FOR_APPROVAL"
