"""Take a deployment away: endpoints first, which cost by the hour and are in no stack, then the stack.

    python -m infra.destroy STACK [--yes]

A deployment that has tenants is left as it is: their stacks call a function of it when they are deleted, and could not
be deleted behind it.

Buckets, the ledger and the locked copies of the audit trail stay, as the template says; what is left is printed, with
what would take it away.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3

from headgate.aws.cloudwatch import Alarms
from headgate.domain.names import OWNER_TAG, tenant_stack

Client = Callable[[str], Any]


def endpoints_of(client: Client, ledger: str) -> Iterator[str]:
    """The endpoints that the deployment made, by their tag; nobody else's."""
    sagemaker = client("sagemaker")
    for page in sagemaker.get_paginator("list_endpoints").paginate():
        for each in page["Endpoints"]:
            tags = sagemaker.list_tags(ResourceArn=each["EndpointArn"])["Tags"]
            if {"Key": OWNER_TAG, "Value": ledger} in tags:
                yield each["EndpointName"]


class TenantsLeftError(Exception):
    """Raised when a deployment has tenants still; it says how they are removed."""

    def __init__(self, stack: str, tenants: list[str]) -> None:
        super().__init__(
            f"Nothing was deleted: {stack} has tenants, whose stacks could not be deleted without it and would cost on "
            f"(each has a key): {', '.join(tenants)}. Remove each first, which exports what it has and takes it away, "
            f"in two calls: headgate tenant remove NAME --stack {stack} --export FOLDER --hold-days 0"
        )


def tenants_of(client: Client, stack: str) -> list[str]:
    """The names of the tenants that have a stack still, whatever became of it."""
    prefix = tenant_stack(stack, "")
    pages = client("cloudformation").get_paginator("list_stacks").paginate()
    stacks = [each for page in pages for each in page["StackSummaries"] if each["StackStatus"] != "DELETE_COMPLETE"]
    return sorted(each["StackName"].removeprefix(prefix) for each in stacks if each["StackName"].startswith(prefix))


def destroy(client: Client, stack: str) -> list[str]:
    """Delete endpoints and their alarms, then the stack, and wait.

    Returns:
        What is left, in words.

    Raises:
        TenantsLeftError: before anything is deleted, while there are tenants.
    """
    if tenants := tenants_of(client, stack):
        raise TenantsLeftError(stack, tenants)
    [found] = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    alarms = Alarms(client("cloudwatch"), client("cloudwatch"))
    for name in list(endpoints_of(client, outputs["LedgerTable"])):
        client("sagemaker").delete_endpoint(EndpointName=name)
        alarms.retire(name)
    client("cloudformation").delete_stack(StackName=stack)
    client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=stack)
    buckets = [outputs[name] for name in ("DataBucket", "ArtifactBucket", "AuditBucket") if name in outputs]
    return [
        *(
            f"s3://{name}: costs by what it holds. aws s3api delete-objects, all versions, then delete-bucket"
            for name in buckets
        ),
        f"table {outputs['LedgerTable']}: costs by what it holds. aws dynamodb delete-table --table-name ...",
        "models, endpoint configurations and model packages of SageMaker: cost nothing",
    ]


def main(stack: str, *flags: str) -> int:
    """Ask, destroy, and say what is left."""
    if "--yes" not in flags:
        said = input(f"This deletes every endpoint of {stack} and the stack. Type the stack's name to go on: ")
        if said.strip() != stack:
            sys.stdout.write("Nothing was deleted.\n")
            return 1
    try:
        left = destroy(boto3.Session().client, stack)
    except TenantsLeftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(["Deleted. What stays on purpose:", *left]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
