"""What sessions of one tenant try on the things of another: the catalogue of attempts, and who tries them.

Every attempt has the fault that it stands for (docs/security.md). The same catalogue with the tenant's own things is
the control: what is the tenant's own is allowed, so a refusal is not a mistake in how the attempt is written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.session_policy import session_policy
from tests.lint_template import REGION
from tests.prove.needs import Need, need, needed
from tests.prove.referee import ANYBODY, Question, Referee
from tests.prove.stack import Stack
from tests.prove.table import identity, place

OWN = "acme"
OTHERS = ("globex", "acmelabs", "acm")
"""Somebody else, and two whose names begin like the tenant's, or as whose the tenant's begins."""


@dataclass(frozen=True)
class Attempt:
    """One thing that is tried; `own` says whether a session may do it to what is its tenant's."""

    fault: str
    need: Need
    own: bool = True


@dataclass(frozen=True)
class Tried:
    """An attempt, who made it, and whether it succeeded."""

    who: str
    attempt: Attempt
    allowed: bool
    senseless: str = ""


def catalogue(stack: Stack, tenant: str) -> list[Attempt]:
    """Everything that is tried on the things of a tenant."""
    parts = (_objects, _items, _executions, _jobs, _serving, _alarms, _roles)
    return [each for part in parts for each in part(stack, tenant)]


def _objects(stack: Stack, tenant: str) -> Iterator[Attempt]:
    reads = ("GetObject", "GetObjectVersion", "GetObjectTagging", "GetObjectAttributes", "GetObjectAcl")
    writes = (
        "PutObject",
        "DeleteObject",
        "DeleteObjectVersion",
        "PutObjectAcl",
        "PutObjectTagging",
        "AbortMultipartUpload",
    )
    places = [
        ("DataBucket", f"{tenant}/iris/incoming/may.csv"),
        ("DataBucket", f"{tenant}/iris/feedback/may.csv"),
        ("DataBucket", f"{tenant}/iris/project.yaml"),
        ("ArtifactBucket", f"{tenant}/iris/datasets/0123456789/train.parquet"),
        ("ArtifactBucket", f"{tenant}/iris/runs/{tenant}-iris-0123456789/evaluation/evaluation.json"),
        ("ArtifactBucket", f"_captured/{tenant}/iris/{tenant}-iris-r1/x.jsonl"),
    ]
    for bucket, key in places:
        for action in (*reads, *writes):
            yield Attempt("S01", need(f"s3:{action}", f"{stack.arn(bucket)}/{key}"))
    for bucket in ("DataBucket", "ArtifactBucket"):
        for action in ("ListBucket", "ListBucketVersions"):
            yield Attempt("S01", need(f"s3:{action}", stack.arn(bucket), s3__prefix=f"{tenant}/"))
            yield Attempt("S01", need(f"s3:{action}", stack.arn(bucket), s3__prefix=f"{tenant}/iris/"))
            yield Attempt("S01", need(f"s3:{action}", stack.arn(bucket), s3__prefix=""), own=False)
            yield Attempt("S01", need(f"s3:{action}", stack.arn(bucket)), own=False)
            yield Attempt("K04", need(f"s3:{action}", stack.arn(bucket), s3__prefix=tenant), own=False)
        for action in ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucket", "PutBucketVersioning"):
            yield Attempt("S01", need(f"s3:{action}", stack.arn(bucket)), own=False)
    for action in ("ListBucket", "ListBucketVersions"):  # somebody's bucket in which there is such a folder, too
        yield Attempt("S01", need(f"s3:{action}", "arn:aws:s3:::somebody-elses", s3__prefix=f"{OWN}/"), own=False)
    homoglyph = "\u0430" + tenant[1:]  # a Cyrillic letter that looks like the first one
    yield Attempt("K04", need("s3:GetObject", f"{stack.arn('DataBucket')}/{homoglyph}/iris/incoming/a.csv"), own=False)


def _items(stack: Stack, tenant: str) -> Iterator[Attempt]:
    table = stack.arn("Ledger")
    partitions = (f"{tenant}#iris", f"TENANT#{tenant}", f"ENDPOINT#{tenant}-iris")
    actions = (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem"),
        *("ConditionCheckItem", "PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"),
    )
    for partition in partitions:
        for action in actions:
            yield Attempt("S02", need(f"dynamodb:{action}", table, dynamodb__LeadingKeys=[partition]))
    for action in ("BatchGetItem", "BatchWriteItem"):  # one of the tenant's own among them
        mixed = [f"{OWN}#iris", f"{tenant}#iris"]
        yield Attempt("S02", need(f"dynamodb:{action}", table, dynamodb__LeadingKeys=mixed))
    for action in ("Query", "PartiQLSelect"):
        index = need(f"dynamodb:{action}", f"{table}/index/by_tenant", dynamodb__LeadingKeys=[tenant])
        yield Attempt("S02", index, own=False)
    for other in (f"{table}-of-{tenant}", f"{table}-of-{tenant}/index/by_tenant"):  # where the same keys are another's
        yield Attempt("S02", need("dynamodb:Query", other, dynamodb__LeadingKeys=[f"{OWN}#iris"]), own=False)
    for where in (table, f"{table}/index/by_tenant"):
        yield Attempt("S02", need("dynamodb:Scan", where), own=False)
        yield Attempt("S02", need("dynamodb:PartiQLSelect", where), own=False)
    for action in ("DeleteTable", "UpdateTable", "DescribeTable", "UpdateTimeToLive"):
        yield Attempt("S02", need(f"dynamodb:{action}", table), own=False)
    yield Attempt("S02", need("dynamodb:GetItem", table, dynamodb__LeadingKeys=["FINDINGS"]), own=False)


def _executions(stack: Stack, tenant: str) -> Iterator[Attempt]:
    for machine in ("TrainStateMachine", "PromoteStateMachine", "RespondStateMachine"):
        arn = stack.arn(machine)
        execution = f"{arn.replace(':stateMachine:', ':execution:')}:{tenant}-iris-0123456789"
        yield Attempt("S03", need("states:DescribeExecution", execution))
        for action in ("StopExecution", "GetExecutionHistory", "RedriveExecution"):
            yield Attempt("S03", need(f"states:{action}", execution), own=False)
        yield Attempt("S03", need("states:StartExecution", arn), own=False)
        yield Attempt("S03", need("states:ListExecutions", arn), own=False)
    for action in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"):
        yield Attempt("S03", need(f"states:{action}"), own=False)


_RUN = "{tenant}-iris-0123456789"
_OF_JOBS = {
    "training-job": ("TrainingJob", _RUN, ("Create", "Describe", "Stop")),
    "processing-job": ("ProcessingJob", _RUN, ("Create", "Describe", "Stop")),
    "hyper-parameter-tuning-job": ("HyperParameterTuningJob", "{tenant}-iris-0123", ("Create", "Describe", "Stop")),
    "model-package-group": ("ModelPackageGroup", "{tenant}-iris", ("Create", "Describe", "Delete")),
    "model-package": ("ModelPackage", "{tenant}-iris/1", ("Create", "Describe", "Delete", "Update")),
    "model": ("Model", "{tenant}-iris-r1", ("Create", "Describe", "Delete")),
    "endpoint-config": ("EndpointConfig", "{tenant}-iris-r1", ("Create", "Describe", "Delete")),
    "endpoint": ("Endpoint", "{tenant}-iris", ("Create", "Describe", "Delete", "Update")),
}


def _jobs(stack: Stack, tenant: str) -> Iterator[Attempt]:
    here = f"arn:aws:sagemaker:{REGION}:{stack.account}"
    for kind, (noun, name, verbs) in _OF_JOBS.items():
        arn = f"{here}:{kind}/{name.format(tenant=tenant)}"
        fault = "S03" if kind.endswith("job") else "S04"
        for verb in verbs:
            yield Attempt(fault, _tagged(stack, f"sagemaker:{verb}{noun}", arn))
        for action in ("AddTags", "DeleteTags", "ListTags"):  # as another's, or of another's
            yield Attempt("S08", _tagged(stack, f"sagemaker:{action}", arn))
    yield Attempt(
        "S03",
        need(
            "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
            f"{here}:hyper-parameter-tuning-job/{tenant}-iris-0123",
        ),
    )
    for action in ("ListEndpoints", "ListModels", "ListTrainingJobs", "ListEndpointConfigs"):
        yield Attempt("S03", need(f"sagemaker:{action}"), own=False)


def _serving(stack: Stack, tenant: str) -> Iterator[Attempt]:
    endpoint = f"arn:aws:sagemaker:{REGION}:{stack.account}:endpoint/{tenant}-iris"
    for action in ("InvokeEndpoint", "InvokeEndpointAsync", "UpdateEndpointWeightsAndCapacities"):
        yield Attempt("S04", _tagged(stack, f"sagemaker:{action}", endpoint))
    target = (
        f"arn:aws:application-autoscaling:{REGION}:{stack.account}:scalable-target/1234abcd56ab78cd901ef1234567890ab123"
    )
    for action in ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"):
        context = {
            "application-autoscaling:service-namespace": "sagemaker",
            "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
        }
        yield Attempt("S04", needed(f"application-autoscaling:{action}", target, context), own=False)


def _alarms(stack: Stack, tenant: str) -> Iterator[Attempt]:
    alarm = f"arn:aws:cloudwatch:{REGION}:{stack.account}:alarm:headgate-{tenant}-iris-r1-errors"
    for action in ("PutMetricAlarm", "DeleteAlarms", "TagResource"):
        yield Attempt("S04", need(f"cloudwatch:{action}", alarm))
    for action in ("SetAlarmState", "DisableAlarmActions", "PutCompositeAlarm", "UntagResource"):
        yield Attempt("S04", need(f"cloudwatch:{action}", alarm), own=False)
    yield Attempt("S04", need("cloudwatch:PutMetricData", cloudwatch__namespace="Headgate"), own=False)
    yield Attempt("S04", need("sns:Publish", stack.arn("NotificationTopic")), own=False)
    yield Attempt("S04", need("sns:Publish", f"arn:aws:sns:{REGION}:{stack.account}:headgate-tenant-{tenant}"))
    yield Attempt("S04", need("sqs:SendMessage", stack.arn("RetrainQueue")), own=False)
    yield Attempt("S04", need("sqs:ReceiveMessage", stack.arn("IntakeQueue")), own=False)
    bus = f"arn:aws:events:{REGION}:{stack.account}:event-bus/default"
    retrain = {"events:source": ["headgate"], "events:detail-type": ["RetrainRequested"]}
    yield Attempt("S04", needed("events:PutEvents", bus, retrain), own=False)


def _roles(stack: Stack, tenant: str) -> Iterator[Attempt]:
    account = f"arn:aws:iam::{stack.account}"
    key = f"arn:aws:kms:{REGION}:{stack.account}:key/of-{tenant}"
    upload = f"{stack.arn('DataBucket')}/{tenant}/iris/incoming/may.csv"
    for action in ("Decrypt", "GenerateDataKey", "ReEncryptFrom", "CreateGrant", "ScheduleKeyDeletion", "DisableKey"):
        context = {"kms:EncryptionContext:aws:s3:arn": upload, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
        tagged = {**context, "aws:ResourceTag/headgate:tenant": tenant}
        yield Attempt("S05", needed(f"kms:{action}", key, tagged))  # the role bounds the actions, the key their objects
        yield Attempt("S05", needed(f"kms:{action}", key, context), own=False)
    for service in ("lambda.amazonaws.com", "states.amazonaws.com", "ec2.amazonaws.com"):
        passed = need("iam:PassRole", f"{account}:role/headgate-tenant-{tenant}-serving", iam__PassedToService=service)
        yield Attempt("S06", passed)  # the role says to which service: fences.py
    for kind in ("serving", "training", "data"):
        role = f"{account}:role/headgate-tenant-{tenant}-{kind}"
        passed = need("iam:PassRole", role, iam__PassedToService="sagemaker.amazonaws.com")
        yield Attempt("S06", passed, own=kind == "serving")
    elsewhere = f"arn:aws:iam::999999999999:role/headgate-tenant-{tenant}-serving"
    yield Attempt("S06", need("iam:PassRole", elsewhere, iam__PassedToService="sagemaker.amazonaws.com"), own=False)
    yield Attempt("S06", need("sts:AssumeRole", f"{account}:role/headgate-of-{tenant}"), own=False)
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "UpdateAssumeRolePolicy"):
        yield Attempt("S06", need(f"iam:{action}", f"{account}:role/headgate-of-{tenant}"), own=False)
    for action in ("GetFunction", "InvokeFunction", "UpdateFunctionCode"):
        yield Attempt("S06", need(f"lambda:{action}", stack.arn("DeployRelease")), own=False)
    stream = f"arn:aws:logs:{REGION}:{stack.account}:log-group:/aws/sagemaker/Endpoints/{tenant}-iris:log-stream:1"
    yield Attempt("S10", need("logs:GetLogEvents", stream), own=False)


def delegating(stack: Stack) -> dict[str, Any]:
    """The policy of a key that leaves everything to who asks: KMS lets nobody use one that has none."""
    account = {"AWS": f"arn:aws:iam::{stack.account}:root"}
    all_of_it = {"Sid": "All", "Effect": "Allow", "Principal": account, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [all_of_it]}


def _tagged(stack: Stack, action: str, arn: str) -> Need:
    """A call on what carries our ledger's tag, as every tenant's models, configurations and endpoints do."""
    return needed(action, arn, {"aws:ResourceTag/headgate:ledger": stack.named("Ledger")})


def roles_of_functions(stack: Stack) -> list[str]:
    """The roles that work for tenants."""
    return sorted({stack.role_of[logical] for logical, _ in stack.of("AWS::Lambda::Function")})


def play(
    referee: Referee,
    stack: Stack,
    attempts: Sequence[Attempt],
    who: Iterable[str],
    session: Mapping[str, Any] | None = None,
    name: str = OWN,
) -> list[Tried]:
    """Have sessions try; `who` are roles, or "anybody" who may do everything but for the session's policy."""
    document = dict(session or session_policy(place(stack), OWN))
    named = f"session {stack.account} {name}"
    referee.know({named: document, "anybody": ANYBODY, "delegating": delegating(stack)})
    tries = [(role, each) for role in who for each in attempts]
    policies = {role: ("anybody",) if role == "anybody" else identity(referee, stack, role) for role, _ in tries}
    questions = [
        Question(
            each.need,
            stack.account,
            policies[role],
            named,
            None,
            "delegating" if each.need.action.startswith("kms:") else None,
            f"assumed-role/{role}/tenant-{OWN}",
        )
        for role, each in tries
    ]
    answers = referee.judge(questions)
    return [
        Tried(role, each, answer.allowed, answer.result if answer.senseless else "")
        for (role, each), answer in zip(tries, answers, strict=True)
    ]
