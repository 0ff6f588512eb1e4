"""Endpoints: they deploy an endpoint configuration, and change to another one without dropping a request."""

import contextvars
import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headgate_local.sagemaker.errors import invalid, unsupported
from headgate_local.sagemaker.hosting.fleet import DeploymentFailed, Fleet
from headgate_local.sagemaker.resources import Kind, Record

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

KIND = Kind(
    noun="endpoint",
    name="EndpointName",
    arn="EndpointArn",
    status="EndpointStatus",
    missing='Could not find endpoint "{arn}".',
    exists='Cannot create already existing endpoint "{arn}".',
    newest_first=True,
)
CHANGEABLE = ("InService", "OutOfService", "Failed", "UpdateRollbackFailed")


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateEndpoint."""
    _check_deployment(request)
    config = sagemaker.configs.get(request["EndpointConfigName"])
    name = request["EndpointName"]
    record = sagemaker.endpoints.add(
        name,
        {
            **request,
            "EndpointStatus": "Creating",
            "ProductionVariants": [_variant(sagemaker, wanted, "Creating") for wanted in config["ProductionVariants"]],
        },
    )
    sagemaker.events.endpoint(record)
    _in_background(_deploy, sagemaker, name, config, {})
    return {"EndpointArn": record["EndpointArn"]}


def update(sagemaker: "SageMaker", request: Record) -> Record:
    """UpdateEndpoint, all at once."""
    _check_deployment(request)
    config = sagemaker.configs.get(request["EndpointConfigName"])
    name = request["EndpointName"]
    pending = {
        "EndpointConfigName": config["EndpointConfigName"],
        "StartTime": time.time(),
        "ProductionVariants": [_variant(sagemaker, wanted, "Creating") for wanted in config["ProductionVariants"]],
    }
    record = sagemaker.endpoints.change(
        name, _changeable, EndpointStatus="Updating", FailureReason=None, PendingDeploymentSummary=pending
    )
    sagemaker.events.endpoint(record)
    _in_background(_deploy, sagemaker, name, config, _retained(record, request))
    return {"EndpointArn": record["EndpointArn"]}


def delete(sagemaker: "SageMaker", request: Record) -> Record:
    """DeleteEndpoint; it is gone when its instances are."""
    name = request["EndpointName"]
    record = sagemaker.endpoints.change(name, _changeable, EndpointStatus="Deleting")
    sagemaker.events.endpoint(record)

    def clear_away() -> None:
        if fleet := sagemaker.fleets.pop(record["EndpointArn"], None):
            fleet.retire()
        sagemaker.endpoints.remove(name)

    _in_background(clear_away)
    return {}


def _changeable(record: Record) -> None:
    if record["EndpointStatus"] not in CHANGEABLE:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')


def _check_deployment(request: Record) -> None:
    deployment = request.get("DeploymentConfig", {})
    policy = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if policy.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise unsupported(f"traffic routing of type {policy['Type']}; ALL_AT_ONCE is supported")
    if "RollingUpdatePolicy" in deployment:
        raise unsupported("DeploymentConfig.RollingUpdatePolicy")
    if deployment.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise unsupported("DeploymentConfig.AutoRollbackConfiguration")


def _retained(record: Record, request: Record) -> dict[str, Record]:
    """By variant: the counts and weights that an update keeps (RetainAllVariantProperties)."""
    if not request.get("RetainAllVariantProperties"):
        return {}
    excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}
    kept = {"DesiredInstanceCount", "DesiredWeight"} - excluded
    return {
        variant["VariantName"]: {member: variant[member] for member in kept if member in variant}
        for variant in record.get("ProductionVariants", [])
    }


def _deploy(sagemaker: "SageMaker", name: str, config: Record, retained: dict[str, Record]) -> None:
    """Start the new fleet, switch to it, let the old one end; on failure the old one goes on serving."""
    endpoint = sagemaker.endpoints.get(name)
    arn = endpoint["EndpointArn"]
    try:
        fleet = Fleet(sagemaker, name, config)
    except DeploymentFailed as failure:
        old = arn in sagemaker.fleets
        status = "InService" if old else "Failed"
        members: Record = {"EndpointStatus": status, "FailureReason": str(failure)[:1024]}
        changed = sagemaker.endpoints.change(name, PendingDeploymentSummary=None, **members)
        sagemaker.events.endpoint(changed)
        return
    variants = [
        _variant(sagemaker, wanted) | _both(retained.get(wanted["VariantName"], {}))
        for wanted in config["ProductionVariants"]
    ]
    fleet.weigh({variant["VariantName"]: variant["CurrentWeight"] for variant in variants})
    old_fleet = sagemaker.fleets.get(arn)
    sagemaker.fleets[arn] = fleet
    if old_fleet:
        old_fleet.retire()
    changed = sagemaker.endpoints.change(
        name,
        EndpointStatus="InService",
        EndpointConfigName=config["EndpointConfigName"],
        ProductionVariants=variants,
        PendingDeploymentSummary=None,
        FailureReason=None,
    )
    sagemaker.events.endpoint(changed)


def _both(desired: Record) -> Record:
    """The members, and for each Desired one the Current one set to the same."""
    current = {name.replace("Desired", "Current"): value for name, value in desired.items() if "Desired" in name}
    return desired | current


def _variant(sagemaker: "SageMaker", wanted: Record, status: str | None = None) -> Record:
    """How Describe shows a variant of a configuration: deployed, or (with a status) on its way."""
    container = sagemaker.models.get(wanted["ModelName"])
    container = container.get("PrimaryContainer") or container["Containers"][0]
    image = container.get("Image", "")
    now = time.time()
    shown: Record = {"VariantName": wanted["VariantName"]}
    if "ServerlessConfig" in wanted:
        shown["DesiredServerlessConfig"] = wanted["ServerlessConfig"]
    for member in ("ManagedInstanceScaling", "RoutingConfig"):
        if member in wanted:
            shown[member] = wanted[member]
    shown |= {
        "DesiredWeight": wanted["InitialVariantWeight"],
        "DesiredInstanceCount": wanted.get("InitialInstanceCount", 0),
    }
    if status:
        message = f"Launching {shown['DesiredInstanceCount']} instance(s)."
        step = {"Status": status, "StatusMessage": message, "StartTime": now}
        return shown | {"CurrentWeight": 0.0, "CurrentInstanceCount": 0, "VariantStatus": [step]}
    if image:
        deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now}
        shown["DeployedImages"] = [deployed]
    return _both(shown)


def _in_background(work: Callable[..., None], *arguments: Any) -> None:
    @functools.wraps(work)
    def run() -> None:
        try:
            work(*arguments)
        except Exception:
            logger.exception("A deployment failed for a reason of the local cloud's")

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
