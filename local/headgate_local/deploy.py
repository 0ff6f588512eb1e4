"""Deploys template.yaml, unmodified, to the local cloud: what `sam build` and `sam deploy` do against AWS.

Code folders become archives in a staging bucket, state machines become JSON (Step Functions reads both), and
CloudFormation does the rest.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import WaiterError
from samtranslator.yaml_helper import yaml_parse

STACK = "headgate"
STAGING_BUCKET = "headgate-staging"
PARAMETERS = {"BakeSeconds": "6"}
"""What differs from the template's defaults: nobody wants to watch a laptop bake for ten minutes."""
TRACKING = "MLFLOW_TRACKING_URI"
"""Whoever keeps an MLflow server has this variable set already, and it becomes the template's parameter."""
BOUNDS = {"FunctionBytes": "HEADGATE_FUNCTION_BYTES", "FunctionWindowBytes": "HEADGATE_FUNCTION_WINDOW_BYTES"}
"""Variables that have smaller datasets (windows of requests) go to processing jobs than on AWS, by the parameter."""
Progress = Callable[[str], None]


class DeploymentError(Exception):
    """Raised when the stack did not come up; the message holds CloudFormation's reasons."""


def deploy(session: boto3.Session, endpoint_url: str, template: Path, progress: Progress) -> dict[str, str]:
    """Deploy the template of a checkout.

    Returns:
        The stack's outputs by name.

    Raises:
        DeploymentError: with the reasons that CloudFormation gives.
    """
    s3 = session.client("s3", endpoint_url=endpoint_url)
    cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
    progress("packaging functions, layers and state machines")
    staging = Staging(s3, session.region_name)
    body = package(yaml_parse(template.read_text()), template.parent, staging)
    # A request holds 51,200 bytes of a template; one that lies in S3 may have a megabyte (user guide: quotas).
    lies = staging.put(json.dumps(body).encode(), ".template")
    progress("creating the stack")
    parameters = PARAMETERS | {"MlflowTrackingUri": os.environ.get(TRACKING, "")}
    parameters |= {name: os.environ[variable] for name, variable in BOUNDS.items() if variable in os.environ}
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint_url}/{lies['Bucket']}/{lies['Key']}",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    _wait(cloudformation, STACK)
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    progress("adding tenants")
    add_tenants(cloudformation, template.parent / "infra" / "tenant.yaml", outputs, tenants())
    return outputs


def tenants() -> list[str]:
    """Who is added when the local cloud starts; others by `headgate tenant add`."""
    return os.environ.get("HEADGATE_TENANTS", "demo night").split()


def add_tenants(cloudformation: Any, template: Path, outputs: dict[str, str], names: list[str]) -> None:
    """Deploy a tenant's stack for each of these names."""
    body = template.read_text()
    known = yaml_parse(body)["Parameters"].keys() & outputs.keys()
    for name in names:
        values = {"System": STACK, "Tenant": name, **{key: outputs[key] for key in known}}
        cloudformation.create_stack(
            StackName=f"{STACK}-tenant-{name}",
            TemplateBody=body,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
    for name in names:
        _wait(cloudformation, f"{STACK}-tenant-{name}")


def _wait(cloudformation: Any, stack: str) -> None:
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 0.25, "MaxAttempts": 480}
        )
    except WaiterError as error:
        raise DeploymentError(_reasons(cloudformation, stack)) from error


class Staging:
    """The bucket that code is deployed from; an archive's key is its content's hash."""

    def __init__(self, s3: Any, region: str) -> None:
        self._s3 = s3
        s3.create_bucket(Bucket=STAGING_BUCKET, CreateBucketConfiguration={"LocationConstraint": region})

    def put(self, content: bytes, suffix: str) -> dict[str, str]:
        """Upload, and say where it lies."""
        key = hashlib.sha256(content).hexdigest()[:32] + suffix
        self._s3.put_object(Bucket=STAGING_BUCKET, Key=key, Body=content)
        return {"Bucket": STAGING_BUCKET, "Key": key}


def package(template: dict[str, Any], root: Path, staging: Staging) -> dict[str, Any]:
    """Replace the local paths of a template by what was uploaded from them."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function":
                location = staging.put(archive(root / properties["CodeUri"]), ".zip")
                properties["CodeUri"] = location
            case "AWS::Serverless::LayerVersion":
                # The layer's makefile puts packages under python/; a plain layer is unpacked as it is.
                prefix = "python/" if resource.get("Metadata", {}).get("BuildMethod") == "makefile" else ""
                location = staging.put(archive(root / properties["ContentUri"], prefix), ".zip")
                properties["ContentUri"] = location
            case "AWS::Serverless::StateMachine":
                definition = yaml.safe_load((root / properties["DefinitionUri"]).read_text())
                properties["DefinitionUri"] = staging.put(json.dumps(definition).encode(), ".json")
    return template


def archive(folder: Path, prefix: str = "") -> bytes:
    """The files below a folder, as SAM packs them, but for what Python compiled; depends on names and contents only."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                member = zipfile.ZipInfo(prefix + file.relative_to(folder).as_posix())
                member.external_attr = 0o644 << 16
                zipped.writestr(member, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    ]
    return f"The stack {stack} did not come up. " + "; ".join(failed or ["CloudFormation gave no reason"])
