"""Take a deployment away: endpoints first, which cost by the hour and are in no stack, then the stack.

    python -m infra.destroy STACK [--yes]

Buckets, the ledger and the locked copies of the audit trail stay, as the template says; what is left is printed, with
what would take it away.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3

from headgate.domain.names import OWNER_TAG

Client = Callable[[str], Any]


def endpoints_of(client: Client, ledger: str) -> Iterator[str]:
    """The endpoints that the deployment made, by their tag; nobody else's."""
    sagemaker = client("sagemaker")
    for page in sagemaker.get_paginator("list_endpoints").paginate():
        for each in page["Endpoints"]:
            tags = sagemaker.list_tags(ResourceArn=each["EndpointArn"])["Tags"]
            if {"Key": OWNER_TAG, "Value": ledger} in tags:
                yield each["EndpointName"]


def destroy(client: Client, stack: str) -> list[str]:
    """Delete endpoints and their alarms, then the stack, and wait.

    Returns:
        What is left, in words.
    """
    [found] = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    cloudwatch = client("cloudwatch")
    for name in list(endpoints_of(client, outputs["LedgerTable"])):
        client("sagemaker").delete_endpoint(EndpointName=name)
        kinds = ["CompositeAlarm", "MetricAlarm"]  # a composite one before those that it is made of
        pages = cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"headgate-{name}-r", AlarmTypes=kinds
        )
        alarms = [(page["CompositeAlarms"], page["MetricAlarms"]) for page in pages]
        for composite, metric in alarms:
            for each in (*composite, *metric):
                cloudwatch.delete_alarms(AlarmNames=[each["AlarmName"]])
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
    left = destroy(boto3.Session().client, stack)
    sys.stdout.write("\n".join(["Deleted. What stays on purpose:", *left]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
