"""How the command line reaches a cloud: the one place where AWS clients are made and AWS's errors become ours.

Both clouds are found alike, by the outputs of the CloudFormation stack. Which cloud it is depends on the caller:
`--stack` (or HEADGATE_STACK) names a stack on AWS and uses the ordinary credential chain; without it the card of
the local cloud tells where that one listens.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from headgate.aws.errors import code_of
from headgate.aws.s3 import sealed
from headgate.domain.errors import TransientError
from headgate.domain.names import execution_arn
from headgate_cli import local_cloud
from headgate_cli.errors import CommandError, UnreachableError

NO_CLOUD = (
    "There is no cloud to talk to. Start the local one with `headgate up`, "
    "or name a stack on AWS with --stack NAME (or HEADGATE_STACK)."
)
OUTPUTS = (
    "DataBucket",
    "ArtifactBucket",
    "LedgerTable",
    "TrainStateMachine",
    "PromoteStateMachine",
    "RespondStateMachine",
    "ReconcileFunction",
    "RegisterTenantFunction",
    "TenantKeys",
    "AuditBucket",
    "NotificationTopic",
)
_UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.NoRegionError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    ResponseParserError,  # what answers speaks another language: another program, a proxy
)
_LONGEST = {"lambda": 910.0, "sagemaker-runtime": 70.0}
"""Seconds that an answer is waited for, where botocore's 60 are too few: a round of the reconciler may take 900 (its
Timeout in template.yaml), and AWS's reference of InvokeEndpoint asks for 70, since a model may take 60."""
_ONCE = ("lambda",)
"""Services that are called once: a function whose caller no longer listens goes on, and would run twice."""


@dataclass(frozen=True)
class Cloud:
    """A stack of Headgate and the clients to talk to it."""

    session: Any  # boto3.Session
    stack: str
    endpoint_url: str | None
    outputs: Mapping[str, str]

    @property
    def is_local(self) -> bool:
        """Whether this is the local cloud; only waiting times and texts depend on it."""
        return self.endpoint_url is not None

    @property
    def data_bucket(self) -> str:
        """The bucket that people write to."""
        return self.outputs["DataBucket"]

    @property
    def artifact_bucket(self) -> str:
        """The bucket that Headgate writes to."""
        return self.outputs["ArtifactBucket"]

    def sealed(self, tenant: str) -> dict[str, str]:
        """What a request that writes an object for a tenant says, so that it lies under the tenant's key."""
        return sealed(f"{self.outputs['TenantKeys']}{tenant}")

    @property
    def title(self) -> str:
        """Which cloud this is, in words."""
        return "local cloud" if self.is_local else f"stack {self.stack} in {self.session.region_name}"

    def client(self, service: str) -> Any:
        """The boto3 client for a service; one for each, since making one costs more than most calls."""
        return _client(self.session, service, self.endpoint_url)

    @property
    def patience(self) -> dict[str, float]:
        """How boto3's waiters wait for what takes minutes: their WaiterConfig."""
        return {"Delay": 0.25, "MaxAttempts": 480} if self.is_local else {"Delay": 5, "MaxAttempts": 120}

    def execution_arn(self, output: str, name: str) -> str:
        """The ARN of an execution: of the machine whose ARN is the stack's `output`."""
        return execution_arn(self.outputs[output], name)


@cache
def _client(session: Any, service: str, endpoint_url: str | None) -> Any:
    attempts = 1 if service in _ONCE else 2 if endpoint_url else 5
    config = Config(
        connect_timeout=3 if endpoint_url else 10,
        read_timeout=_LONGEST.get(service, 60.0),
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent_extra="headgate-cli",
    )
    return session.client(service, endpoint_url=endpoint_url, config=config)


def connect(stack: str | None) -> Cloud:
    """Find the cloud and the stack in it.

    Raises:
        UnreachableError: when there is none, or it does not answer.
    """
    if stack:
        with translated_errors():
            return _on_aws(stack)
    card = local_cloud.read_card()
    if card is None:
        raise UnreachableError(NO_CLOUD)
    session = boto3.Session(
        aws_access_key_id=card["access_key_id"],
        aws_secret_access_key=card["secret_access_key"],
        region_name=card["region"],
    )
    try:
        return _open(session, card["stack"], card["endpoint_url"])
    except (*_UNREACHABLE, exceptions.ClientError) as error:  # its port may be another program's by now
        raise UnreachableError(
            f"The local cloud was started at {card['endpoint_url']} but does not answer there. "
            f"Start it again with `headgate up`; its log is {card['log']}."
        ) from error


def _on_aws(stack: str) -> Cloud:
    session = boto3.Session()
    try:
        return _open(session, stack, endpoint_url=None)
    except exceptions.ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        raise UnreachableError(
            f"No stack named {stack} is deployed in {session.region_name}. "
            "Deploy it, or name another with --stack and AWS_REGION."
        ) from error


def _open(session: Any, stack: str, endpoint_url: str | None) -> Cloud:
    cloud = Cloud(session, stack, endpoint_url, {})
    try:
        description = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except KeyError as error:  # botocore's way to say of an XML that it is not CloudFormation's
        raise ResponseParserError("What answers there is not CloudFormation.") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise UnreachableError(
            f"The stack {stack} ({description['StackStatus']}) lacks the outputs {', '.join(missing)}: "
            "it is not a stack of Headgate, or its deployment did not end well."
        )
    return Cloud(session, stack, endpoint_url, outputs)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what boto3 raises into an error that a person can act on."""
    try:
        yield
    except _UNREACHABLE as error:
        raise UnreachableError(f"The cloud cannot be reached: {error}") from error
    except TransientError as error:  # the ledger's adapter translates by itself
        if isinstance(error.__cause__, _UNREACHABLE):
            raise UnreachableError(f"The cloud cannot be reached: {error.__cause__}") from error
        raise
    except exceptions.ClientError as error:
        details = error.response["Error"]
        code, message = details.get("Code", "Unknown"), details.get("Message", "")
        if code in ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"):
            raise UnreachableError(f"AWS does not accept the credentials: {message}. Sign in again.") from error
        raise CommandError(f"AWS refused {error.operation_name}: {message} ({code})") from error
    except exceptions.BotoCoreError as error:
        raise CommandError(f"The call could not be made: {error}") from error


def user_name(cloud: Cloud) -> str:
    """Who the credentials belong to, as AWS names them: `user/ada`, or `assumed-role/Operators/ada`."""
    return str(cloud.client("sts").get_caller_identity()["Arn"]).rpartition(":")[2]
