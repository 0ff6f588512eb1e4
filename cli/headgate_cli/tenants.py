"""Tenants: each is a CloudFormation stack of infra/tenant.yaml beside the system's own, alike on both clouds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from headgate.aws.errors import code_of
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Change
from headgate.domain.keys import tenant_key
from headgate.domain.names import TENANT, UNKNOWN, tenant_stack
from headgate.domain.tenants import PROJECTS, Standing
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import Records

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "tenant.yaml"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
_NOTHING_NEW = "No updates are to be performed"
_NEVER_CAME_UP = ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")
_GOING_ON = {
    "CREATE_IN_PROGRESS": "stack_create_complete",
    "UPDATE_IN_PROGRESS": "stack_update_complete",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "stack_update_complete",
    "DELETE_IN_PROGRESS": "stack_delete_complete",
}
"""What a stack that is being changed is waited for, by its status."""
_FROM_SYSTEM = ("RegisterTenantFunction", "DataBucket", "ArtifactBucket", "PermissionsBoundary", "JobSubnetIds")


def add(cloud: Cloud, name: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Make a tenant's stack, or change one that is there; what is not `wanted` (parameters) stays as it is.

    Raises:
        UsageError: when no tenant can have that name.
        CommandError: with CloudFormation's reasons when the stack did not come up.
    """
    if not TENANT.fullmatch(name) or name == UNKNOWN:
        raise UsageError(
            f"{name!r} cannot be a tenant: use 3 to 18 lower-case letters and digits, beginning with a letter."
        )
    from_system = {key: cloud.outputs[key] for key in _FROM_SYSTEM if key in cloud.outputs}
    given = {"System": cloud.stack, "Tenant": name, **from_system}
    before = _settled(cloud, name)
    if wanted or before is None:
        record(cloud, name, "tenant change asked for", wanted)
    if before is None:
        _deploy(cloud, name, {**given, **wanted}, "create")
    else:
        kept = {each["ParameterKey"]: each["ParameterValue"] for each in before.get("Parameters", [])}
        _deploy(cloud, name, {**kept, **given, **wanted}, "update")
    return document(cloud, name)


def record(cloud: Cloud, name: str, what: str, wanted: Mapping[str, str]) -> None:
    """Tell the audit trail who asks for it, before it is done: the stack registers what becomes of it and does not
    know by whose call. Of an address of mail only that there is one.
    """
    told = {key: "set" if key == "NotificationEmail" else str(value) for key, value in wanted.items()}
    asked = Change("STACK", {}, {"tenant": name, **told})
    Records(cloud).ledger.trail.record(tenant_key(name), what, "A person called for it.", asked)


def change(cloud: Cloud, name: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Change a tenant that is there.

    Raises:
        UsageError: when there is none of that name.
    """
    document(cloud, name)
    return add(cloud, name, wanted)


def suspend(cloud: Cloud, name: str) -> dict[str, Any]:
    """Take no new data of a tenant; what serves goes on."""
    return change(cloud, name, {"Standing": Standing.SUSPENDED, "LeavesOn": ""})


def resume(cloud: Cloud, name: str) -> dict[str, Any]:
    """Let a tenant go on that was suspended, or is to be removed."""
    return change(cloud, name, {"Standing": Standing.ACTIVE, "LeavesOn": ""})


def leave(cloud: Cloud, name: str, days: int, now: datetime) -> dict[str, Any]:
    """Begin to remove a tenant: nothing new is taken, and after so many days all may go."""
    day = (now + timedelta(days=days)).astimezone(UTC).date().isoformat()
    return change(cloud, name, {"Standing": Standing.LEAVING, "LeavesOn": day})


def list_all(cloud: Cloud) -> list[dict[str, Any]]:
    """Every tenant of the system, by name."""
    return [document(cloud, each) for each in names_of(cloud)]


def names_of(cloud: Cloud) -> list[str]:
    """The names of all tenants of the system."""
    pages = cloud.client("cloudformation").get_paginator("describe_stacks").paginate()
    prefix = tenant_stack(cloud.stack, "")
    stacks = [each for page in pages for each in page["Stacks"] if each["StackStatus"] not in _NEVER_CAME_UP]
    names = sorted(each["StackName"] for each in stacks)
    return [each.removeprefix(prefix) for each in names if each.startswith(prefix)]


def document(cloud: Cloud, name: str) -> dict[str, Any]:
    """A tenant as JSON: its standing, its quotas and what it has used.

    Raises:
        UsageError: when there is none of that name.
    """
    stack = _describe(cloud, name)
    if stack is None:
        raise UsageError(f"There is no tenant {name}. `headgate tenant list` lists those that exist.")
    values = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    used = Tenants(cloud.client("dynamodb"), cloud.outputs["LedgerTable"]).used(name)
    return {
        "tenant": name,
        "standing": values["Standing"],
        "leaves_on": values.get("LeavesOn") or None,
        "quotas": {
            "instances": int(values["Instances"]),
            "trials": int(values["Trials"]),
            "projects": int(values.get("Projects", PROJECTS)),
            "money": float(values["MoneyPerMonth"]),
            "storage": float(values["StorageGigabytes"]),
        },
        "used": {
            "projects": len(used.projects),
            "money": dict(used.money),
            "storage": round(used.stored / 1e9, 3),
        },
        "key": outputs.get("KeyArn"),
        "data_role": outputs.get("DataRoleArn"),
        "topic": outputs.get("NotificationTopic"),
        "stack": stack["StackName"],
    }


def _describe(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """A tenant's stack; None where there is none, or one that never came up."""
    found = _found(cloud, tenant_stack(cloud.stack, name))
    return None if found is None or found["StackStatus"] in _NEVER_CAME_UP else found


def _settled(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """As `_describe`, once what an earlier call began has ended; CloudFormation changes no stack before.

    One that never came up can only be deleted (stack status codes, CloudFormation user guide), and is in the way of a
    new one of its name.
    """
    stack = tenant_stack(cloud.stack, name)
    found = _found(cloud, stack)
    if found is not None and (what := _GOING_ON.get(found["StackStatus"])):
        wait_for(cloud, stack, what)
        found = _found(cloud, stack)
    if found is not None and found["StackStatus"] == "ROLLBACK_COMPLETE":
        cloud.client("cloudformation").delete_stack(StackName=stack)
        wait_for(cloud, stack, "stack_delete_complete")
        return None
    return _describe(cloud, name)


def _found(cloud: Cloud, stack: str) -> dict[str, Any] | None:
    try:
        return dict(cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0])
    except ClientError as error:
        if code_of(error) == "ValidationError":  # what CloudFormation says of a stack that is not there
            return None
        raise


def _deploy(cloud: Cloud, name: str, parameters: Mapping[str, str], how: str) -> None:
    client, stack = cloud.client("cloudformation"), tenant_stack(cloud.stack, name)
    call = client.create_stack if how == "create" else client.update_stack
    try:
        call(
            StackName=stack,
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()],
            Capabilities=_CAPABILITIES,
        )
    except ClientError as error:
        if _NOTHING_NEW in str(error):
            return
        raise
    wait_for(cloud, stack, f"stack_{how}_complete")


def wait_for(cloud: Cloud, stack: str, what: str) -> None:
    """Wait until a stack is as it shall be (a waiter of CloudFormation).

    Raises:
        CommandError: with the reasons when it does not become so.
    """
    client = cloud.client("cloudformation")
    try:
        client.get_waiter(what).wait(StackName=stack, WaiterConfig=cloud.patience)
    except WaiterError as error:
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [
            f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason given')}"
            for each in reversed(events)
            if each["ResourceStatus"].endswith("FAILED")
        ]
        raise CommandError(f"The stack {stack} did not come up. " + "; ".join(reasons)) from error
