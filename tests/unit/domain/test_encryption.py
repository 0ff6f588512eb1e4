"""Which volumes a key can be named for."""

import pytest

from headgate.domain.encryption import volume_key


@pytest.mark.parametrize("kind", ["m5.large", "c5.xlarge", "p3.2xlarge", "inf1.xlarge", "r6i.large", "c7g.large"])
def test_a_volume_lies_under_the_tenants_key(kind: str) -> None:
    assert volume_key("key", f"ml.{kind}") == "key"


@pytest.mark.parametrize(
    "kind", ["m5d.large", "c6gd.xlarge", "g4dn.xlarge", "g5.xlarge", "p4d.24xlarge", "p5.48xlarge"]
)
def test_no_key_is_named_where_a_machine_encrypts_its_own_disks(kind: str) -> None:
    assert volume_key("key", f"ml.{kind}") is None
    assert volume_key("key", "ml.m5.large", f"ml.{kind}") is None
