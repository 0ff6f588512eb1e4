"""Who is welcome, and the sentences for who is not."""

import pytest

from headgate.domain.tenants import (
    Quotas,
    Tenant,
    Used,
    refusal,
    too_many_instances,
    too_many_trials,
)

QUOTAS = Quotas(10, 50, 100.0, 5.0)


def tenant(standing: str = "ACTIVE", leaves_on: str = "") -> Tenant:
    return Tenant("acme", standing, QUOTAS, leaves_on)


@pytest.mark.parametrize(
    ("known", "used", "code", "said"),
    [
        (None, Used(), "NO_TENANT", "`headgate tenant add acme`"),
        (tenant("SUSPENDED"), Used(), "TENANT_SUSPENDED", "`headgate tenant resume acme`"),
        (tenant("LEAVING", "2026-12-24"), Used(), "TENANT_LEAVING", "on 2026-12-24 at the earliest"),
        (tenant(), Used({"2026-11": 100.0}), "QUOTA_MONEY", "100.00 USD this month, and its quota is 100"),
        (tenant(), Used(stored=5_000_000_000), "QUOTA_STORAGE", "keeps 5.0 GB, and its quota is 5"),
    ],
)
def test_nothing_new_is_begun_and_a_person_knows_why(known: Tenant | None, used: Used, code: str, said: str) -> None:
    refused = refusal("acme", known, used, "2026-11")
    assert refused is not None
    assert refused.code == code
    assert said in refused.sentence


@pytest.mark.parametrize("used", [Used(), Used({"2026-10": 500.0, "2026-11": 99.99}, 4_999_999_999)])
def test_who_is_within_the_quotas_is_welcome(used: Used) -> None:
    assert refusal("acme", tenant(), used, "2026-11") is None


@pytest.mark.parametrize("why", [too_many_instances, too_many_trials])
def test_as_many_as_the_quota_are_allowed_and_one_more_is_not(why) -> None:
    assert why("acme", 10, 10) is None
    assert "the quota of acme is 10" in why("acme", 10, 11)
