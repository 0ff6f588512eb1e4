"""What no role may do whoever it works for, and what resources refuse to services that act for somebody else.

Written from the faults (docs/security.md), not from the policies: a policy that lost a condition fails here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.lint_template import REGION
from tests.prove.matrix import delegating
from tests.prove.needs import Need, need, needed
from tests.prove.referee import ANYBODY, Question, Referee
from tests.prove.stack import Stack
from tests.prove.table import question

ELSEWHERE = "999999999999"
"""Somebody else's account."""


TELLING = ("AwaitApprovalRole", "OnRunEndedRole", "OnIncidentEndedRole")
"""Who tells tenants' people."""


@dataclass(frozen=True)
class Fence:
    """A thing that is refused; `only` names the roles that it is about, all of them where it names none."""

    fault: str
    need: Need
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """What a service does with one of our resources; `ours` is whether it acts for this account and this stack."""

    fault: str
    service: str
    need: Need
    policy: str
    document: Any
    ours: bool


def fences(stack: Stack) -> list[Fence]:
    """Everything that roles are kept from."""
    return [*_passing(stack), *_untagged(stack), *_others(stack), *_places(stack)]


def _passing(stack: Stack) -> Iterator[Fence]:
    here, sagemaker = f"arn:aws:iam::{stack.account}:role", "sagemaker.amazonaws.com"
    train = ("TrainStateMachineRole",)
    passing = {
        "training": train,
        "processing": (*train, "ObserveStateMachineRole"),
        "serving": ("DeployReleaseRole", "TryReleaseRole"),
    }
    for kind, may in passing.items():
        arn = f"{here}/{stack.name}-tenant-demo-{kind}"
        others = tuple(each for each in stack.roles if each not in may)
        yield Fence("S06", need("iam:PassRole", arn, iam__PassedToService=sagemaker), others)
        another = f"{here}/another-tenant-demo-{kind}"  # of another system in the account
        yield Fence("S06", need("iam:PassRole", another, iam__PassedToService=sagemaker))
        for service in ("lambda.amazonaws.com", "ec2.amazonaws.com", "states.amazonaws.com"):
            yield Fence("S06", need("iam:PassRole", arn, iam__PassedToService=service))
        yield Fence("S06", need("iam:PassRole", arn))
    admin = f"arn:aws:iam::{stack.account}:role/administrator"
    yield Fence("S06", need("iam:PassRole", admin, iam__PassedToService="sagemaker.amazonaws.com"))
    yield Fence("S06", need("sts:AssumeRole", admin))
    own = f"arn:aws:iam::{stack.account}:role/{stack.name}-ReconcileRole-1"  # a function's own role is its own
    yield Fence("S06", need("sts:AssumeRole", own), tuple(each for each in stack.roles if each != "ReconcileRole"))
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole"):
        yield Fence("S06", need(f"iam:{action}", admin))
    linked = f"arn:aws:iam::{stack.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    yield Fence("S06", need("iam:CreateServiceLinkedRole", linked, iam__AWSServiceName="ecs.amazonaws.com"))
    own = "sagemaker.application-autoscaling.amazonaws.com"
    linked = f"aws-service-role/{own}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    named = f"arn:aws:iam::{stack.account}:role/{linked}"
    yield Fence("S06", need("iam:CreateServiceLinkedRole", named, iam__AWSServiceName="ecs.amazonaws.com"))


def _untagged(stack: Stack) -> Iterator[Fence]:
    """Another stack's models, configurations and endpoints: without our ledger's tag, or with its own."""
    here = f"arn:aws:sagemaker:{REGION}:{stack.account}"
    changes = {
        "endpoint/demo-iris": (
            *("UpdateEndpoint", "DeleteEndpoint", "InvokeEndpoint", "UpdateEndpointWeightsAndCapacities"),
        ),
        "endpoint-config/demo-iris-r1": ("DeleteEndpointConfig", "UpdateEndpoint"),
        "model/demo-iris-r1": ("DeleteModel",),
    }
    for name, actions in changes.items():
        for action in actions:
            yield Fence("S04", need(f"sagemaker:{action}", f"{here}:{name}"))
            theirs = {"aws:ResourceTag/headgate:ledger": "another-ledger"}
            yield Fence("S04", needed(f"sagemaker:{action}", f"{here}:{name}", theirs))


def _others(stack: Stack) -> Iterator[Fence]:
    """In the name of others: events, metrics, and what scales."""
    bus = f"arn:aws:events:{REGION}:{stack.account}:event-bus/default"
    for source, kind in (("aws.s3", "Object Created"), ("headgate", "Anything"), ("com.example", "RetrainRequested")):
        context = {"events:source": [source], "events:detail-type": [kind]}
        yield Fence("S07", needed("events:PutEvents", bus, context))
    for kind in ("ReleasePromoted", "RetrainRequested"):
        yield Fence("S07", needed("events:PutEvents", bus, {"events:source": ["aws.s3"], "events:detail-type": [kind]}))
        yield Fence("S07", needed("events:PutEvents", bus, {"events:detail-type": [kind]}))
    yield Fence("S07", needed("events:PutEvents", bus, {"events:source": ["headgate"]}))
    for namespace in ("AWS/EC2", "Others", "headgate"):
        yield Fence("S07", need("cloudwatch:PutMetricData", cloudwatch__namespace=namespace))
    yield Fence("S07", need("cloudwatch:PutMetricData"))
    target = (
        f"arn:aws:application-autoscaling:{REGION}:{stack.account}:scalable-target/1234abcd56ab78cd901ef1234567890ab123"
    )
    for namespace, dimension in (
        ("ecs", "sagemaker:variant:DesiredInstanceCount"),
        ("sagemaker", "sagemaker:inference-component:DesiredCopyCount"),
    ):
        context = {
            "application-autoscaling:service-namespace": namespace,
            "application-autoscaling:scalable-dimension": dimension,
        }
        for action in ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"):
            yield Fence("S07", needed(f"application-autoscaling:{action}", target, context))


def _places(stack: Stack) -> Iterator[Fence]:
    """What lies where nobody of Headgate's has anything to do, and what would switch protection off."""
    for bucket in ("DataBucket", "ArtifactBucket"):
        arn = stack.arn(bucket)
        for action in (
            "PutBucketPolicy",
            "PutBucketAcl",
            "PutBucketVersioning",
            "DeleteBucket",
            "PutLifecycleConfiguration",
        ):
            yield Fence("S14", need(f"s3:{action}", arn))
        for action in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl"):
            yield Fence("S14", need(f"s3:{action}", f"{arn}/demo/iris/incoming/a.csv"))
    yield Fence("S13", need("s3:PutObject", f"{stack.arn('DataBucket')}/demo/iris/incoming/a.csv"))
    watching = ("WatchReleaseRole", "TryReleaseRole")  # who may list requests and labels, and nothing else
    for bucket in ("DataBucket", "ArtifactBucket"):
        for prefix in ("demo/iris/datasets/", "", "demo/iris/incoming/"):
            yield Fence("S01", need("s3:ListBucket", stack.arn(bucket), s3__prefix=prefix), watching)
    for action in ("DeleteTable", "UpdateContinuousBackups", "DeleteItem", "Scan"):
        yield Fence("S13", need(f"dynamodb:{action}", stack.arn("Ledger")))
    for key in ("demo#iris", "ENDPOINT#demo-iris", "FINDINGS"):
        yield Fence("S13", need("dynamodb:DeleteItem", stack.arn("Ledger"), dynamodb__LeadingKeys=[key]))
    for action in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy"):
        yield Fence("S05", need(f"kms:{action}", stack.arn("NotificationKey")))
    yield from _keys_of_tenants(stack)
    stranger = "arn:aws:s3:::somebody-elses"
    yield Fence("S01", need("s3:GetObject", f"{stranger}/demo/iris/runs/x"))
    yield Fence("S01", need("s3:PutObject", f"{stranger}/demo/iris/datasets/x"))
    yield Fence("S01", need("s3:ListBucket", stranger, s3__prefix="demo/"))


def _keys_of_tenants(stack: Stack) -> Iterator[Fence]:
    """A tenant's key by itself, or of another system in the account; a grant of it for somebody who is no service."""
    key = f"arn:aws:kms:{REGION}:{stack.account}:key/of-demo"
    ours, theirs = ({"aws:ResourceTag/headgate:system": system} for system in (stack.name, "another"))
    via = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    for action in ("Decrypt", "GenerateDataKey"):
        for context in (ours, {**theirs, **via}, {**ours, "kms:ViaService": f"sqs.{REGION}.amazonaws.com"}):
            yield Fence("S05", needed(f"kms:{action}", key, context))
        for context in (ours, theirs):
            fence = needed(f"kms:{action}", key, {**context, "kms:ViaService": f"sns.{REGION}.amazonaws.com"})
            silent = tuple(each for each in stack.roles if each not in TELLING)
            yield Fence("S05", fence, silent if context is ours else ())
    topics = f"arn:aws:sns:{REGION}:{stack.account}"
    for name in ("another-tenant-demo", f"{stack.name}-demo", "others"):
        yield Fence("S07", need("sns:Publish", f"{topics}:{name}"))
    for context in ({**ours, "kms:GrantIsForAWSResource": "false"}, {**theirs, "kms:GrantIsForAWSResource": "true"}):
        yield Fence("S05", needed("kms:CreateGrant", key, context))
    for action in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "Encrypt"):
        yield Fence("S05", needed(f"kms:{action}", key, {**ours, **via}))


def calls(stack: Stack) -> list[Call]:
    """Services that use our queues, keys and functions, for us and for somebody else (confused deputies)."""
    return [*_queues(stack), *_keys(stack), *_functions(stack), *_buckets(stack)]


def _queues(stack: Stack) -> Iterator[Call]:
    for name, properties in stack.of("AWS::SQS::QueuePolicy"):
        document = stack.plain(properties["PolicyDocument"])
        (statement,) = document["Statement"]
        rules = _listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) if "Condition" in statement else [""]
        for queue in properties["Queues"]:
            arn = stack.arn(queue["Ref"])
            theirs = f"arn:aws:events:{REGION}:{ELSEWHERE}:rule/theirs"
            for source in (rules[0], theirs, f"arn:aws:events:{REGION}:{stack.account}:rule/another"):
                wanted = need("sqs:SendMessage", arn, aws__SourceArn=source)
                yield Call(
                    "S07", "events.amazonaws.com", wanted, f"{name} {queue['Ref']}", document, source == rules[0]
                )
            yield Call(
                "S07", "events.amazonaws.com", need("sqs:SendMessage", arn), f"{name} {queue['Ref']}", document, False
            )
            wanted = need("sqs:ReceiveMessage", arn, aws__SourceArn=rules[0])
            yield Call("S07", "events.amazonaws.com", wanted, f"{name} {queue['Ref']}", document, False)
            wanted = need("sqs:SendMessage", arn, aws__SourceArn=rules[0])
            yield Call("S07", "s3.amazonaws.com", wanted, f"{name} {queue['Ref']}", document, False)


def _keys(stack: Stack) -> Iterator[Call]:
    for name, properties in stack.of("AWS::KMS::Key"):
        document = stack.plain(properties["KeyPolicy"])
        for account in (stack.account, ELSEWHERE):
            wanted = need("kms:GenerateDataKey", stack.arn(name), aws__SourceAccount=account)
            yield Call("S07", "cloudwatch.amazonaws.com", wanted, name, document, account == stack.account)
        for resource, service in (("false", "false"), ("true", "false"), ("false", "true")):  # people make no grants
            context = {"kms:GrantIsForAWSResource": resource, "aws:PrincipalIsAWSService": service}
            wanted = needed("kms:CreateGrant", stack.arn(name), context)
            yield Call("S05", "", wanted, name, document, "true" in (resource, service))
        wanted = need("kms:GenerateDataKey", stack.arn(name), aws__SourceAccount=stack.account)
        yield Call("S07", "ec2.amazonaws.com", wanted, name, document, False)
        for action in ("ScheduleKeyDeletion", "CreateGrant", "PutKeyPolicy"):
            wanted = need(f"kms:{action}", stack.arn(name), aws__SourceAccount=stack.account)
            yield Call("S05", "cloudwatch.amazonaws.com", wanted, name, document, False)


def _functions(stack: Stack) -> Iterator[Call]:
    for name, properties in stack.of("AWS::Lambda::Permission"):
        given = {key: stack.plain(value) for key, value in properties.items()}
        function = stack.arn(stack.function_called(properties["FunctionName"]["Ref"]))
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": given["Principal"]},
            "Action": given["Action"],
            "Resource": function,
            **({"Condition": {"ArnLike": {"aws:SourceArn": given["SourceArn"]}}} if "SourceArn" in given else {}),
        }
        document = {"Version": "2012-10-17", "Statement": [statement]}
        theirs = f"arn:aws:events:{REGION}:{ELSEWHERE}:rule/theirs"
        for source in (given.get("SourceArn", ""), theirs):
            wanted = need("lambda:InvokeFunction", function, aws__SourceArn=source)
            yield Call("S07", given["Principal"], wanted, name, document, source != theirs)


def _buckets(stack: Stack) -> Iterator[Call]:
    """The role that may read everything of the bucket, over plain HTTP."""
    named, here = "x-amz-server-side-encryption-aws-kms-key-id", f"arn:aws:kms:{REGION}:{stack.account}:key/ours"
    ours = {f"s3:{named}": here}
    for name, properties in stack.of("AWS::S3::BucketPolicy"):
        document = stack.plain(properties["PolicyDocument"])
        bucket = f"arn:aws:s3:::{stack.plain(properties['Bucket'])}"
        for secure in ("true", "false"):
            for action, resource in (
                ("GetObject", f"{bucket}/demo/x"),
                ("PutObject", f"{bucket}/demo/x"),
                ("ListBucket", bucket),
            ):
                context = {"aws:SecureTransport": secure, **(ours if action == "PutObject" else {})}
                wanted = needed(f"s3:{action}", resource, context)
                yield Call("S14", "", wanted, name, document, secure == "true")
        if name == "AuditBucketPolicy":
            continue  # functions alone write it
        for key, value, fine in (
            ("x-amz-acl", "bucket-owner-full-control", True),
            ("x-amz-acl", "public-read", False),
            (named, here, True),
            (named, f"arn:aws:kms:{REGION}:{ELSEWHERE}:key/theirs", False),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256", False),
        ):
            context = {"aws:SecureTransport": "true", **ours, f"s3:{key}": value}
            yield Call("S14", "", needed("s3:PutObject", f"{bucket}/demo/x", context), name, document, fine)
        for place, fine in (
            ("demo/iris/datasets/x/train.parquet", name == "DataBucketPolicy"),  # whoever drops data may name a key
            ("demo/iris/runs/x/training/x/output/model.tar.gz", name == "DataBucketPolicy"),
            ("demo/iris/runs/x/checkpoints/1", True),  # SageMaker takes no key for them
            ("_system/code/x/train.py", True),
        ):
            wanted = need("s3:PutObject", f"{bucket}/{place}", aws__SecureTransport="true")
            yield Call("S14", "", wanted, name, document, fine)


def climbed(referee: Referee, stack: Stack, roles: Iterable[str]) -> list[tuple[str, Fence, str]]:
    """The fences that roles get over; what could not be judged is among them."""
    tries = [(role, each) for role in roles for each in fences(stack) if not each.only or role in each.only]
    referee.know({"delegating": delegating(stack)})
    answers = referee.judge([_asked(referee, stack, role, each.need) for role, each in tries])
    return [
        (role, each, answer.result)
        for (role, each), answer in zip(tries, answers, strict=True)
        if answer.allowed or answer.senseless
    ]


def _asked(referee: Referee, stack: Stack, role: str, wanted: Need) -> Question:
    """The question whether a role may; of a tenant's key as if its own policy left everything to roles."""
    asked = question(referee, stack, role, wanted)
    return replace(asked, resource_policy="delegating") if ":key/of-" in wanted.resource else asked


def misled(referee: Referee, stack: Stack, made: Iterable[Call]) -> list[tuple[Call, str]]:
    """The calls of services that end otherwise than they should."""
    listed = list(made)
    questions = []
    for each in listed:
        name = f"{stack.account} {each.policy} {hash(str(each.document))}"
        referee.know({name: each.document, "anybody": ANYBODY})
        who = each.service or f"arn:aws:iam::{stack.account}:role/reader"
        identity = () if each.service else ("anybody",)
        questions.append(Question(each.need, stack.account, identity, None, None, name, who))
    answers = referee.judge(questions)
    return [(each, answer.result) for each, answer in zip(listed, answers, strict=True) if answer.allowed != each.ours]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
