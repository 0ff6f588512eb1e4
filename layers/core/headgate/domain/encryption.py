"""Which key lies over what is written for a tenant: its own, wherever AWS lets one be named."""

import re

_LOCAL_STORAGE = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|[gi]\d+[a-z]*|p[5-9][a-z0-9-]*|trn\d[a-z]*)\.")
"""Types with `d` behind their number, and those of families that all have disks (Amazon EC2 instance store volumes)."""


def volume_key(key: str, *instance_types: str) -> str | None:
    """The key (its ARN) for the volumes of machines of these types; None where one of them has disks of its own, which
    encrypt themselves: SageMaker refuses a key then (ResourceConfig and CreateEndpointConfig, API reference).
    """
    return None if any(_LOCAL_STORAGE.match(each) for each in instance_types) else key
