"""Endpoints: they deploy an endpoint configuration, and change to another one without dropping a request."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from headgate_local.api.errors import invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.hosting import configs, description, plan
from headgate_local.sagemaker.hosting.hosting import in_background, reason_of
from headgate_local.sagemaker.hosting.live import LiveEndpoint
from headgate_local.sagemaker.hosting.rollout import Rollout, check_alarms
from headgate_local.sagemaker.resources import Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

KIND = Kind(
    noun="endpoint",
    name="EndpointName",
    arn="EndpointArn",
    status="EndpointStatus",
    missing='Could not find endpoint "{arn}".',
    exists='Cannot create already existing endpoint "{arn}".',
    newest_first=True,
)
CHANGEABLE = ("InService", "OutOfService", "UpdateRollbackFailed")
RETAINED = ("DesiredInstanceCount", "DesiredWeight")


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateEndpoint; a DeploymentConfig is kept for updates that retain it."""
    config = sagemaker.configs.get(request["EndpointConfigName"])
    deployment = request.get("DeploymentConfig", {})
    wanted = _wanted(config, {})
    counts = _counts(wanted)
    plan.check(deployment, list(counts), config["ProductionVariants"], counts)
    members = {member: value for member, value in request.items() if member != "DeploymentConfig"}
    record = sagemaker.endpoints.add(
        request["EndpointName"],
        {
            **members,
            "EndpointStatus": "Creating",
            "PendingDeploymentSummary": _pending(config, wanted),
            **({"LastDeploymentConfig": deployment} if deployment else {}),
        },
    )
    sagemaker.events.endpoint(record)
    sagemaker.hosting.endpoints[record["EndpointArn"]] = LiveEndpoint(record["EndpointName"])
    in_background(
        Rollout(sagemaker, record, config, {}, wanted).run, "endpoint-create", _ends(sagemaker, record, "Failed")
    )
    return {"EndpointArn": record["EndpointArn"]}


def update(sagemaker: "SageMaker", request: Record) -> Record:
    """UpdateEndpoint: blue/green or rolling, as its DeploymentConfig says, all at once without one."""
    name = request["EndpointName"]
    record = sagemaker.endpoints.get(name)
    _check_changeable(record)
    config = sagemaker.configs.get(request["EndpointConfigName"])
    given = request.get("DeploymentConfig") or (
        record.get("LastDeploymentConfig", {}) if request.get("RetainDeploymentConfig") else {}
    )
    if refusal := sagemaker.scaling.refuses(record, config):
        raise invalid(refusal)
    wanted = _wanted(config, _retained(record, request))
    plan.check(given, list(_counts_now(record)), config["ProductionVariants"], _counts(wanted))
    _check_serverless(sagemaker, record, config)
    check_alarms(sagemaker, given, {_role(sagemaker, variant) for variant in config["ProductionVariants"]})
    changed = sagemaker.endpoints.change(
        name,
        _check_changeable,
        EndpointStatus="Updating",
        FailureReason=None,
        PendingDeploymentSummary=_pending(config, wanted),
        LastDeploymentConfig=given or record.get("LastDeploymentConfig"),
    )
    sagemaker.events.endpoint(changed)
    deployment = plan.effective(given, config["ProductionVariants"])
    rollout = Rollout(sagemaker, changed, config, deployment, wanted)
    in_background(rollout.run, "endpoint-update", _ends(sagemaker, changed, "UpdateRollbackFailed"))
    return {"EndpointArn": record["EndpointArn"]}


def update_weights_and_capacities(sagemaker: "SageMaker", request: Record) -> Record:
    """UpdateEndpointWeightsAndCapacities: on the fleet that serves, in the background."""
    name = request["EndpointName"]
    record = sagemaker.endpoints.get(name)
    _check_in_service(record)
    changes = {change["VariantName"]: change for change in request["DesiredWeightsAndCapacities"]}
    if len(changes) < len(request["DesiredWeightsAndCapacities"]):
        raise invalid("DesiredWeightsAndCapacities names a variant twice.")
    fleet = sagemaker.hosting.endpoints[record["EndpointArn"]].fleets[-1]
    for variant, change in changes.items():
        if variant not in fleet.variants:
            raise invalid(f'Could not find variant "{variant}" of endpoint "{record["EndpointArn"]}".')
        _check_change(fleet.variants[variant].config, change)
    variants = [_desired(variant, changes.get(variant["VariantName"], {})) for variant in record["ProductionVariants"]]
    changed = sagemaker.endpoints.change(
        name, _check_in_service, EndpointStatus="Updating", FailureReason=None, ProductionVariants=variants
    )
    sagemaker.events.endpoint(changed)
    sagemaker.events.endpoint_deployment(changed)
    stranded = _ends(sagemaker, changed, "UpdateRollbackFailed")
    in_background(lambda: _rescale(sagemaker, changed, changes), "endpoint-rescale", stranded)
    return {"EndpointArn": record["EndpointArn"]}


def set_counts(sagemaker: "SageMaker", endpoint: str, counts: Mapping[str, int]) -> None:
    """Let an endpoint's variants have so many instances, from inside; raises as UpdateEndpointWeightsAndCapacities."""
    changes = [{"VariantName": variant, "DesiredInstanceCount": count} for variant, count in counts.items()]
    update_weights_and_capacities(sagemaker, {"EndpointName": endpoint, "DesiredWeightsAndCapacities": changes})


def delete(sagemaker: "SageMaker", request: Record) -> Record:
    """DeleteEndpoint; it is gone when its instances are."""
    name = request["EndpointName"]
    record = sagemaker.endpoints.change(name, _check_deletable, EndpointStatus="Deleting")
    sagemaker.events.endpoint(record)
    sagemaker.scaling.deregister(name)

    def clear_away() -> None:
        live = sagemaker.hosting.endpoints[record["EndpointArn"]]
        live.routes = ()
        for fleet in live.fleets:
            fleet.retire()
        del sagemaker.hosting.endpoints[record["EndpointArn"]]
        sagemaker.endpoints.remove(name)

    in_background(clear_away, "endpoint-delete", _ends(sagemaker, record, "Failed"))
    return {}


def _ends(sagemaker: "SageMaker", record: Record, status: str) -> Callable[[str], object]:
    """Brings an endpoint that something unexpected left on its way to this state, in which it can be deleted."""

    def end(reason: str) -> None:
        changed = sagemaker.endpoints.change(
            record["EndpointName"], EndpointStatus=status, FailureReason=reason, PendingDeploymentSummary=None
        )
        sagemaker.events.endpoint(changed)

    return end


def _check_changeable(record: Record) -> None:
    if record["EndpointStatus"] == "Failed":
        raise invalid(f'Cannot update failed endpoint "{record["EndpointArn"]}": it can only be deleted.')
    _check_idle(record)


def _check_in_service(record: Record) -> None:
    _check_changeable(record)
    if record["EndpointStatus"] != "InService":
        raise invalid(f'Endpoint "{record["EndpointArn"]}" is {record["EndpointStatus"]}: update it first.')


def _check_deletable(record: Record) -> None:
    if record["EndpointStatus"] != "Failed":
        _check_idle(record)


def _check_idle(record: Record) -> None:
    if record["EndpointStatus"] not in CHANGEABLE:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')


def _check_serverless(sagemaker: "SageMaker", record: Record, config: Record) -> None:
    fleets = sagemaker.hosting.endpoints[record["EndpointArn"]].fleets
    by_instances = any(not variant.serverless for fleet in fleets for variant in fleet.variants.values())
    if by_instances and any("ServerlessConfig" in variant for variant in config["ProductionVariants"]):
        raise invalid("An endpoint with instances cannot be updated to a serverless one.")


def _role(sagemaker: "SageMaker", variant: Record) -> str:
    role: str = sagemaker.models.get(variant["ModelName"])["ExecutionRoleArn"]
    return role


def _retained(record: Record, request: Record) -> dict[str, Record]:
    """By variant: what an update keeps (RetainAllVariantProperties)."""
    if not request.get("RetainAllVariantProperties"):
        return {}
    excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}
    if "DataCaptureConfig" in excluded:
        raise unsupported("ExcludeRetainedVariantProperties for DataCaptureConfig, as AWS does not either")
    return {
        variant["VariantName"]: {member: variant[member] for member in RETAINED if member not in excluded}
        for variant in record.get("ProductionVariants", [])
    }


def _wanted(config: Record, retained: Mapping[str, Record]) -> dict[str, Record]:
    """By variant: the instances and the weight that a deployment comes to."""
    found = {}
    for variant in config["ProductionVariants"]:
        name = variant["VariantName"]
        own = {
            "DesiredInstanceCount": variant.get("InitialInstanceCount", 0),
            "DesiredWeight": variant["InitialVariantWeight"],
        }
        kept = retained.get(name, {})
        if "ServerlessConfig" in variant or not kept.get("DesiredInstanceCount", 1):
            kept = {member: value for member, value in kept.items() if member != "DesiredInstanceCount"}
        found[name] = own | kept
    return found


def _counts(wanted: Mapping[str, Record]) -> dict[str, int]:
    return {name: each["DesiredInstanceCount"] for name, each in wanted.items()}


def _counts_now(record: Record) -> dict[str, int]:
    return {each["VariantName"]: each["CurrentInstanceCount"] for each in record.get("ProductionVariants", [])}


def _pending(config: Record, wanted: Mapping[str, Record]) -> Record:
    summary: Record = {"EndpointConfigName": config["EndpointConfigName"], "StartTime": time.time()}
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        if member in config:
            summary[member] = description.pending(config[member], wanted)
    return summary


def _check_change(variant: Record, change: Record) -> None:
    name = variant["VariantName"]
    if "ServerlessConfig" in variant:
        if "DesiredInstanceCount" in change:
            raise invalid(f"Variant {name} is serverless: it has no instances to count.")
        configs.check_serverless(name, variant["ServerlessConfig"] | change.get("ServerlessUpdateConfig", {}))
    elif "ServerlessUpdateConfig" in change:
        raise invalid(f"Variant {name} is not serverless.")
    elif change.get("DesiredInstanceCount") == 0:
        raise invalid(f"DesiredInstanceCount of variant {name} must be at least 1.")


def _desired(variant: Record, change: Record) -> Record:
    """A variant of the record on its way to a change."""
    if not change:
        return variant
    wanted: Record = {member: change[member] for member in RETAINED if member in change}
    message = "Updating the weight of the variant."
    if "DesiredInstanceCount" in change:
        way = "out" if change["DesiredInstanceCount"] >= variant["CurrentInstanceCount"] else "in"
        message = f"Scaling {way} desired instance count to {change['DesiredInstanceCount']}."
    if "ServerlessUpdateConfig" in change:
        wanted["DesiredServerlessConfig"] = variant["CurrentServerlessConfig"] | change["ServerlessUpdateConfig"]
        message = "Updating the concurrency of the variant."
    return {**variant, **wanted, "VariantStatus": [description.step("Updating", message)]}


def _rescale(sagemaker: "SageMaker", record: Record, changes: Mapping[str, Record]) -> None:
    """Bring the fleet to its new counts and weights; if that fails, back to those that it had."""
    name = record["EndpointName"]
    fleet = sagemaker.hosting.endpoints[record["EndpointArn"]].fleets[-1]
    before = fleet.counts()
    status, reason = "InService", None
    try:
        fleet.resize({v: each["DesiredInstanceCount"] for v, each in changes.items() if "DesiredInstanceCount" in each})
        for variant, change in changes.items():
            live = fleet.variants[variant]
            live.weight = change.get("DesiredWeight", live.weight)
            live.adjust(change.get("ServerlessUpdateConfig", {}))
    except Exception as failure:
        reason = reason_of(failure, f"The change of {name}")
        sagemaker.events.endpoint(sagemaker.endpoints.change(name, EndpointStatus="RollingBack"))
        try:
            sagemaker.hosting.check_rollback(name)
            fleet.resize(before)
        except Exception as again:
            why = reason_of(again, f"The rollback of {name}")
            status, reason = "UpdateRollbackFailed", f"{reason} The rollback failed, too: {why}"
    changed = sagemaker.endpoints.change(
        name, EndpointStatus=status, ProductionVariants=description.serving(fleet), FailureReason=reason
    )
    sagemaker.events.endpoint(changed)
    sagemaker.events.endpoint_deployment(changed)
