"""The compliance report: every rule, the controls that ask for it, and whether it holds of the deployment now."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from headgate.aws.deployed import Places, deployed
from headgate.aws.registry import Registry
from headgate.aws.tenants import Tenants
from headgate.domain.approval import APPROVED
from headgate.domain.compliance import Judged, Key, Served, Trail, judged
from headgate.domain.errors import NotFoundError
from headgate.domain.moments import written
from headgate_cli.auditing import verified
from headgate_cli.connection import Cloud
from headgate_cli.page import templates
from headgate_cli.runs import Artifacts, Records, projects_of, ref_of
from headgate_cli.tenants import names_of


def report(cloud: Cloud, tenants: list[str]) -> dict[str, Any]:
    """Judge the deployment, and what serves of these tenants, or of all; only settings and records are read.

    Raises:
        UsageError: when there never was a tenant of such a name.
    """
    seen = deployed(cloud.client, _places(cloud))
    tenants = tenants or names_of(cloud)
    served = [each for tenant in tenants for each in _served(cloud, tenant)]
    trails = [each for tenant in tenants for each in _trails(cloud, tenant)]
    keys = [key for tenant in tenants if (key := _key(cloud, tenant)) is not None]
    found = judged(replace(seen, served=served, trails=trails, keys=keys))
    return {
        "stack": cloud.stack,
        "region": seen.region,
        "at": written(datetime.now(UTC)),
        "tenants": tenants,
        "compliant": all(each.holds for each in found),
        "looked_at": {
            "buckets": len(seen.buckets),
            "tables": len(seen.tables),
            "queues": len(seen.queues),
            "log groups": len(seen.logs),
            "topics": len(seen.topics),
            "tenants' keys": len(keys),
            "versions that serve": len(served),
            "audit trails": len(trails),
        },
        "rules": [_document(each) for each in found],
    }


def page(document: dict[str, Any]) -> str:
    """The report as one page of HTML that needs nothing else."""
    return templates().get_template("compliance.html.j2").render(**document)


def _document(each: Judged) -> dict[str, Any]:
    rule = each.rule
    return {
        "rule": rule.name,
        "asks": rule.asks,
        "holds": each.holds,
        "controls": {"HIPAA": rule.hipaa, "PCI DSS": rule.pci, "NIST 800-53": rule.nist},
        "breaches": [{"what": what, "said": said} for what, said in each.breaches],
    }


def _places(cloud: Cloud) -> Places:
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=cloud.stack)
    found = [each for page in pages for each in page["StackResourceSummaries"]]
    queues = [each for each in found if each["ResourceType"] == "AWS::SQS::Queue"]
    return Places(
        cloud.stack,
        cloud.session.region_name,
        (cloud.data_bucket, cloud.artifact_bucket),
        cloud.outputs["AuditBucket"],
        cloud.outputs["LedgerTable"],
        [each["PhysicalResourceId"] for each in queues if each["LogicalResourceId"].endswith("DeadLetters")],
        cloud.outputs["NotificationTopic"],
    )


def _key(cloud: Cloud, tenant: str) -> Key | None:
    """The key of a tenant; None of one that is gone, with which it goes."""
    known = Tenants(cloud.client("dynamodb"), cloud.outputs["LedgerTable"]).find(tenant)
    if known is None:
        return None
    status = cloud.client("kms").get_key_rotation_status(KeyId=known.key) if known.key else {}
    return Key(tenant, bool(status.get("KeyRotationEnabled")))


def _served(cloud: Cloud, tenant: str) -> Iterator[Served]:
    ledger, artifacts = Records(cloud).ledger, Artifacts(cloud)
    for project in projects_of(ledger, tenant):
        if (release := ledger.serving(project)) is None:
            continue
        run = ledger.run(project, release.run)
        approval = run.approval if run is not None else None
        yield Served(
            f"{tenant}/{project.name}",
            release.version,
            run is not None and artifacts.card(ref_of(run)) is not None,
            run is None or approval is not None,  # without its record nobody can tell
            approval is not None and _approved(cloud, str(approval["package"])),
        )


def _approved(cloud: Cloud, package: str) -> bool:
    """Whether the registry has a person's word on a version; not of one that was taken out of it."""
    try:
        word = Registry(cloud.client("sagemaker")).version(package)
    except NotFoundError:
        return False
    return word.status == APPROVED and bool(word.description)


def _trails(cloud: Cloud, tenant: str) -> Iterator[Trail]:
    for each in verified(cloud, tenant, None):
        yield Trail("/".join(filter(None, (tenant, each["project"]))), not each["flaws"])
