"""A local cloud for a benchmark, started and stopped with it."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from headgate.aws.ledger import Ledger
from headgate.domain.names import Part, Project, dataset_id
from headgate.domain.runs import Run
from headgate_local import launcher
from headgate_local.card import Card


@contextmanager
def local_cloud() -> Iterator[Card]:
    """Start one in a home of its own, so that one that runs already is left alone."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEADGATE_HOME"] = home
        os.environ["HEADGATE_TENANTS"] = "bench demo idle night storm"

        def say(text: str) -> None:
            print(f"  {text}", file=sys.stderr)

        try:
            yield launcher.up(None, say)
        finally:
            launcher.down(purge=True, progress=say)


def make_role(cloud: Card, name: str, *actions: str) -> str:
    """The ARN of a role that SageMaker may take on, which may do these things."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    trusted, allowed = (json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, allow))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=allowed)
    return str(arn)


def ended(cloud: Card, project: Project, name: str, body: bytes, patience: float) -> Run:
    """Drop a file, and wait until the run that comes of it has ended.

    Raises:
        TimeoutError: when it has not within so many seconds.
    """
    s3, ledger = cloud.client("s3"), Ledger(cloud.client("dynamodb"), cloud.output("LedgerTable"))
    key = f"{project.incoming}{name}"
    version = s3.put_object(Bucket=cloud.data_bucket, Key=key, Body=body)["VersionId"]
    run = project.run_id(dataset_id(cloud.data_bucket, [Part(key, version, len(body))]))
    deadline = time.monotonic() + patience
    while (known := ledger.run(project, run)) is None or not known.ended:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run} has not ended")
        time.sleep(0.1)
    return known
