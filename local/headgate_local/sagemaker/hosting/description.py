"""How DescribeEndpoint shows the variants of an endpoint: those that serve, and those of a deployment under way."""

import time
from collections.abc import Iterable, Mapping

from headgate_local.api.records import Record
from headgate_local.sagemaker.hosting.live import Fleet

SHOWN = ("RoutingConfig",)


def serving(fleet: Fleet) -> list[Record]:
    """ProductionVariants of a fleet that has all the traffic."""
    return [
        _deployed(variant.config, variant.weight, variant.count, variant.image) for variant in fleet.variants.values()
    ]


def shadows(fleet: Fleet) -> list[Record] | None:
    """ShadowProductionVariants of a fleet; None for none."""
    return [_deployed(each.config, each.weight, each.count, each.image) for each in fleet.shadows] or None


def capture(config: Record) -> Record | None:
    """DataCaptureConfig of an endpoint of this configuration; None for none."""
    wanted = config.get("DataCaptureConfig")
    if not wanted:
        return None
    enabled = wanted.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": wanted["InitialSamplingPercentage"],
        "DestinationS3Uri": wanted["DestinationS3Uri"],
        "KmsKeyId": wanted.get("KmsKeyId", ""),
    }


def _deployed(config: Record, weight: float, count: int, image: str) -> Record:
    shown = _shown(config, weight, count)
    shown |= {"CurrentWeight": weight, "CurrentInstanceCount": count}
    if "ServerlessConfig" in config:
        shown["CurrentServerlessConfig"] = config["ServerlessConfig"]
    if image:
        shown["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}]
    return shown


def pending(variants: Iterable[Record], wanted: Mapping[str, Record]) -> list[Record]:
    """The variants of a deployment that has not begun; `wanted` has the counts and weights to come to, if others."""
    shown = []
    for variant in variants:
        name = variant["VariantName"]
        own = {
            "DesiredInstanceCount": variant.get("InitialInstanceCount", 0),
            "DesiredWeight": variant["InitialVariantWeight"],
        }
        to_come = wanted.get(name, own)
        count = to_come["DesiredInstanceCount"]
        one = _shown(variant, to_come["DesiredWeight"], count) | {"CurrentWeight": 0.0, "CurrentInstanceCount": 0}
        if "InstanceType" in variant:
            one["InstanceType"] = variant["InstanceType"]
        shown.append(one | {"VariantStatus": [step("Creating", f"Launching {count} instance(s).")]})
    return shown


def _shown(config: Record, weight: float, count: int) -> Record:
    shown: Record = {"VariantName": config["VariantName"], "DesiredWeight": weight, "DesiredInstanceCount": count}
    if "ServerlessConfig" in config:
        shown["DesiredServerlessConfig"] = config["ServerlessConfig"]
    return shown | {member: config[member] for member in SHOWN if member in config}


def step(status: str, message: str) -> Record:
    """A member of VariantStatus, from now on."""
    return {"Status": status, "StatusMessage": message, "StartTime": time.time()}


def with_status(variants: Iterable[Record], status: Record | None) -> list[Record]:
    """The variants with this VariantStatus, or with none."""
    shown = []
    for variant in variants:
        plain = {member: value for member, value in variant.items() if member != "VariantStatus"}
        shown.append({**plain, "VariantStatus": [status]} if status else plain)
    return shown
