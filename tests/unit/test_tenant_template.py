"""What the templates of the system and of a tenant have in common, and the bounds of what they create."""

import functools
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from headgate.domain.names import TENANT

ROOT = Path(__file__).resolve().parents[2]
BOUNDARY = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}
LONGEST_STACK = 26


@functools.cache
def read(name: str) -> dict[str, Any]:
    return yaml_parse((ROOT / name).read_text())


@pytest.mark.parametrize("name", ["template.yaml", "infra/tenant.yaml"])
def test_every_role_that_is_created_may_be_bounded(name: str) -> None:
    document = read(name)
    bounded = {
        logical: each["Properties"].get("PermissionsBoundary")
        for logical, each in document["Resources"].items()
        if each["Type"] in ("AWS::IAM::Role", "AWS::Serverless::StateMachine")
    }
    assert bounded
    assert bounded == dict.fromkeys(bounded, BOUNDARY)
    assert document.get("Globals", {}).get("Function", {}).get("PermissionsBoundary", BOUNDARY) == BOUNDARY
    functions = [each for each in document["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
    assert not any("PermissionsBoundary" in each["Properties"] for each in functions)  # it would hide the one for all


def test_a_tenants_stack_takes_the_names_that_tenants_may_have() -> None:
    parameters = read("infra/tenant.yaml")["Parameters"]
    assert parameters["Tenant"]["AllowedPattern"] == TENANT.pattern
    assert parameters["System"]["MaxLength"] == LONGEST_STACK


def test_names_of_roles_are_not_cut() -> None:
    """IAM takes 64 characters, and CloudFormation adds 13 of its own; a role that is cut could not take on itself."""
    logical = [
        name for name, each in read("template.yaml")["Resources"].items() if each["Type"] == "AWS::Serverless::Function"
    ]
    longest = max(len(f"-{name}Role-") for name in logical) + 13
    assert LONGEST_STACK + longest <= 64
    given = [each["Properties"] for each in read("infra/tenant.yaml")["Resources"].values()]
    named = [each["RoleName"]["Fn::Sub"] for each in given if "RoleName" in each]
    assert named
    for name in named:
        assert len(name.replace("${System}", "s" * LONGEST_STACK).replace("${Tenant}", "t" * 18)) <= 64, name


def test_what_a_tenant_has_is_encrypted_under_a_key_that_turns_and_opens_for_its_objects_only() -> None:
    key = read("infra/tenant.yaml")["Resources"]["Key"]["Properties"]
    assert key["EnableKeyRotation"] is True
    uses = [
        each for each in key["KeyPolicy"]["Statement"] if {"kms:Decrypt", "kms:GenerateDataKey"} & set(each["Action"])
    ]
    for statement in uses:
        assert statement["Condition"], statement["Sid"]
    objects, notices = [each["Condition"] for each in uses if "AWS" in each["Principal"]]
    bounds = objects["StringLike"]["kms:EncryptionContext:aws:s3:arn"]
    assert all("/${Tenant}/*" in each["Fn::Sub"] for each in bounds)
    assert notices["StringEquals"]["kms:EncryptionContext:aws:sns:topicArn"]["Fn::Sub"].endswith("-tenant-${Tenant}")
