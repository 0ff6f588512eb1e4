"""The template as CloudFormation would deploy it: every role with its policies, in concrete ARNs."""

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lint_template import REGION, ROOT, transformed
from tests.prove.needs import Need

AWS_MANAGED = json.loads((Path(__file__).parent / "aws_managed.json").read_text())
"""The managed policies of AWS that SAM attaches: their text by their ARN (AWS managed policy reference)."""
Statement = dict[str, Any]
_REFERRED_BY_ARN = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::IAM::OIDCProvider")
NO_VALUE = object()
"""What a property is that is left out (AWS::NoValue)."""


@dataclass(frozen=True)
class Policy:
    """One policy; `home` says where it is written: a role's own, the template's shared one, or AWS's."""

    name: str
    home: str
    statements: list[Statement]

    @property
    def document(self) -> dict[str, Any]:
        """As IAM reads it."""
        return {"Version": "2012-10-17", "Statement": self.statements}


@dataclass(frozen=True)
class Role:
    """A role: by its logical id, and whom it trusts."""

    name: str
    policies: list[Policy]
    trust: dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """A deployed template; `physical` names what somebody named, by logical id."""

    account: str
    physical: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=lambda: copy.deepcopy(_whole()))
    name: str = "headgate"

    @property
    def resources(self) -> Mapping[str, Any]:
        """What the template describes, by logical id."""
        return self.template["Resources"]

    def of(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Logical ids and properties of all resources of a type that are there."""
        for logical, resource in self.resources.items():
            if resource["Type"] == kind:
                yield logical, resource["Properties"]

    @functools.cached_property
    def functions(self) -> dict[str, str]:
        """Logical ids of the functions by their folders' names."""
        source = {name: each["Properties"] for name, each in written()["Resources"].items()}
        return {Path(source[logical]["CodeUri"]).name: logical for logical, _ in self.of("AWS::Lambda::Function")}

    @functools.cached_property
    def role_of(self) -> dict[str, str]:
        """The roles that functions and state machines have, by their logical ids."""
        kinds = {"AWS::Lambda::Function": "Role", "AWS::StepFunctions::StateMachine": "RoleArn"}
        return {
            logical: properties[key]["Fn::GetAtt"][0]
            for kind, key in kinds.items()
            for logical, properties in self.of(kind)
        }

    def function_called(self, logical: str) -> str:
        """The function behind an alias."""
        alias = self.resources[logical]
        return str(alias["Properties"]["FunctionName"]["Ref"]) if alias["Type"] == "AWS::Lambda::Alias" else logical

    @functools.cached_property
    def roles(self) -> dict[str, Role]:
        """Every role of the template."""
        return {logical: self._role(logical, properties) for logical, properties in self.of("AWS::IAM::Role")}

    def _role(self, logical: str, properties: dict[str, Any]) -> Role:
        own = [
            Policy(self.plain(each["PolicyName"]), logical, self.statements(each["PolicyDocument"]))
            for each in properties.get("Policies", [])
        ]
        attached = []
        for each in properties.get("ManagedPolicyArns", []):
            if isinstance(each, dict) and "Ref" in each:
                name = each["Ref"]
                document = self.resources[name]["Properties"]["PolicyDocument"]
                attached.append(Policy(name, name, self.statements(document)))
            else:
                arn = self.plain(each)
                attached.append(Policy(arn.rpartition("/")[2], "AWS", AWS_MANAGED[arn]))
        return Role(logical, own + attached, self.plain(properties["AssumeRolePolicyDocument"]))

    def statements(self, document: dict[str, Any]) -> list[Statement]:
        """A policy's statements, resolved; actions and resources as lists, each statement with a Sid."""
        found = []
        for number, each in enumerate(self.plain(document)["Statement"], 1):
            lists = {key: _list(each[key]) for key in ("Action", "Resource") if key in each}
            found.append({"Sid": f"Statement{number}", **each, **lists})
        return found

    @functools.cached_property
    def policies_of_resources(self) -> dict[str, dict[str, Any]]:
        """Policies of buckets, queues and keys, by ARN."""
        return dict(self._policies_of_resources())

    def policy_of(self, resource: str) -> tuple[str, dict[str, Any]] | None:
        """The policy that a resource, or the bucket of an object, has of its own, and the ARN that it belongs to."""
        home = resource.partition("/")[0] if resource.startswith("arn:aws:s3:::") else resource
        document = self.policies_of_resources.get(home)
        return None if document is None else (home, document)

    def _policies_of_resources(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for _, properties in self.of("AWS::S3::BucketPolicy"):
            yield f"arn:aws:s3:::{self.plain(properties['Bucket'])}", self.plain(properties["PolicyDocument"])
        for _, properties in self.of("AWS::SQS::QueuePolicy"):
            for queue in properties["Queues"]:
                yield self.arn(queue["Ref"]), self.plain(properties["PolicyDocument"])
        for logical, properties in self.of("AWS::KMS::Key"):
            yield self.arn(logical), self.plain(properties["KeyPolicy"])

    def named(self, logical: str) -> str:
        """The name of a resource."""
        if logical in self.physical:
            return self.physical[logical]
        properties = self.resources[logical]["Properties"]
        given = next(
            (properties[key] for key in ("StateMachineName", "LogGroupName", "RoleName", "Name") if key in properties),
            None,
        )
        if given is not None:
            return str(self.plain(given))
        kind = self.resources[logical]["Type"]
        return f"{self.name}-{logical}".lower() if kind == "AWS::S3::Bucket" else f"{self.name}-{logical}"

    def arn(self, logical: str) -> str:
        """The ARN of a resource."""
        here = f"{REGION}:{self.account}"
        name, kind = self.named(logical), self.resources[logical]["Type"]
        forms = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
            "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{here}:table/{name}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{here}:{name}",
            "AWS::SNS::Topic": f"arn:aws:sns:{here}:{name}",
            "AWS::KMS::Key": f"arn:aws:kms:{here}:key/{name}",
            "AWS::Lambda::Function": f"arn:aws:lambda:{here}:function:{name}",
            "AWS::Lambda::LayerVersion": f"arn:aws:lambda:{here}:layer:{name}:1",
            "AWS::Events::Rule": f"arn:aws:events:{here}:rule/{name}",
            "AWS::StepFunctions::StateMachine": f"arn:aws:states:{here}:stateMachine:{name}",
            "AWS::IAM::Role": f"arn:aws:iam::{self.account}:role/{name}",
            "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{self.account}:policy/{name}",
            "AWS::Logs::LogGroup": f"arn:aws:logs:{here}:log-group:{name}:*",
            "AWS::IAM::OIDCProvider": f"arn:aws:iam::{self.account}:oidc-provider/{name}",
        }
        return forms[kind]

    def plain(self, value: Any) -> Any:
        """A value of the template without its functions."""
        if isinstance(value, list):
            return [found for each in value if (found := self.plain(each)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref":
                return self._ref(inner)
            if key.startswith("Fn::"):
                return self._function(key, inner)
        return {key: found for key, each in value.items() if (found := self.plain(each)) is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": self.account,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.template["Parameters"]:
            given = self.template["Parameters"][name]
            default, listed = given["Default"], given["Type"] == "CommaDelimitedList"
            return default.split(",") if listed else default
        if self.resources[name]["Type"] in _REFERRED_BY_ARN:
            return self.arn(name)
        if self.resources[name]["Type"] == "AWS::Lambda::Alias":
            return f"{self.arn(self.function_called(name))}:{self.resources[name]['Properties']['Name']}"
        if self.resources[name]["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{self.account}/{self.named(name)}"
        return self.named(name)

    def _function(self, key: str, inner: Any) -> Any:
        if key == "Fn::GetAtt":
            logical, attribute = inner if isinstance(inner, list) else inner.split(".", 1)
            ends = {"Arn": self.arn, "QueueName": self.named}
            if attribute == "StreamArn":
                return f"{self.arn(logical)}/stream/2026-01-01T00:00:00.000"
            return ends[attribute](logical) if attribute in ends else f"{logical}.{attribute}"
        if key == "Fn::Sub":
            text, given = inner if isinstance(inner, list) else (inner, {})
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._named_in_text(found[1], given)), text)
        if key == "Fn::If":
            return self.plain(inner[1 if self._holds(self.template["Conditions"][inner[0]]) else 2])
        if key == "Fn::Join":
            return inner[0].join(self.plain(inner[1]))
        if key == "Fn::FindInMap":
            table, first, second = (self.plain(each) for each in inner)
            return self.template["Mappings"][table][first][second]
        raise ValueError(f"Teach tests/prove/stack.py the function {key}.")

    def _named_in_text(self, name: str, given: Mapping[str, Any]) -> Any:
        if name in given:
            return self.plain(given[name])
        return self._function("Fn::GetAtt", name) if "." in name else self._ref(name)

    def _holds(self, condition: dict[str, Any]) -> bool:
        ((key, inner),) = condition.items()
        if key == "Fn::Not":
            return not self._holds(inner[0])
        if key == "Fn::Equals":
            return bool(self.plain(inner[0]) == self.plain(inner[1]))
        if key == "Condition":
            return self._holds(self.template["Conditions"][inner])
        raise ValueError(f"Teach tests/prove/stack.py the condition {key}.")


OF_SAGEMAKER = ("TrainingRole", "ServingRole", "ProcessingRole")
"""The roles of a tenant that SageMaker takes on."""
_of_tenants: dict[tuple[str, int], Stack] = {}


def stack_of(tenant: str, system: Stack) -> Stack:
    """The stack of a tenant beside the system's; the same one again for the same two."""
    if (tenant, id(system)) not in _of_tenants:
        from samtranslator.yaml_helper import yaml_parse

        given = {
            "System": system.name,
            "Tenant": tenant,
            "DataBucket": system.named("DataBucket"),
            "ArtifactBucket": system.named("ArtifactBucket"),
            "RegisterTenantFunction": "",
        }
        template = yaml_parse((ROOT / "infra" / "tenant.yaml").read_text())
        for name, value in given.items():
            template["Parameters"][name] = {**template["Parameters"][name], "Default": value}
        whole = Stack(system.account, {"Key": f"of-{tenant}"}, template, f"{system.name}-{tenant}")
        _of_tenants[tenant, id(system)] = whole
    return _of_tenants[tenant, id(system)]


def stack_of_ci(system: Stack) -> Stack:
    """The stack that lets a repository's workflows deploy the system."""
    from samtranslator.yaml_helper import yaml_parse

    template = yaml_parse((ROOT / "infra" / "ci.yaml").read_text())
    for name, value in {"Repository": "owner/name", "Environment": "production", "StackName": system.name}.items():
        template["Parameters"][name] = {**template["Parameters"][name], "Default": value}
    return Stack(system.account, {"Provider": "token.actions.githubusercontent.com"}, template, f"{system.name}-ci")


@dataclass(frozen=True)
class Asked:
    """A need that a role really had, and where it comes from: a call of a test, a machine's task, a service's work."""

    role: str
    need: Need
    stack: Stack
    source: str
    tenant: str = ""
    """In whose session; "" where the role does it for itself."""


@functools.cache
def _whole() -> dict[str, Any]:
    return transformed()


@functools.cache
def written() -> dict[str, Any]:
    """The template as it is written."""
    from samtranslator.yaml_helper import yaml_parse

    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return template


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
