"""The session policy: what it says is tried live in tests/contract/test_tenant_sessions.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.session_policy import MOST_CHARACTERS, Place, as_text, session_policy

PLACE = Place("aws", "123456789012", "headgate-data", "headgate-artifacts", "headgate-ledger")
# CloudFormation makes names of the stack's (27 characters at most, decision 0030), the resource's and 13 more.
LONGEST = Place(
    "aws-us-gov", "123456789012",
    *("s" * 27 + f"-{name}-" + "x" * 13 for name in ("databucket", "artifactbucket", "Ledger")),
)  # fmt: skip
tenants = st.from_regex(r"[a-z][a-z0-9]{2,17}", fullmatch=True)


def test_the_longest_names_fit_into_what_sts_takes() -> None:
    assert len(as_text(session_policy(LONGEST, "t" * 18))) <= MOST_CHARACTERS


def test_a_policy_that_is_too_long_is_refused_before_sts_does() -> None:
    with pytest.raises(ValueError, match="Shorten the stack's name"):
        as_text(session_policy(Place("aws", "1", "d" * 300, "a" * 300, "l" * 300), "acme"))


@given(tenants, tenants)
def test_policies_of_two_tenants_differ_by_the_name_alone(first: str, second: str) -> None:
    marker = "@"
    written = [as_text(session_policy(PLACE, tenant)) for tenant in (first, second)]
    patterns = as_text(session_policy(PLACE, marker))
    assert written == [patterns.replace(marker, tenant) for tenant in (first, second)]


def test_every_statement_is_bounded_by_the_tenant() -> None:
    for statement in session_policy(PLACE, "acme")["Statement"]:
        bounds = json.dumps([statement["Resource"], statement.get("Condition")])
        assert "acme" in bounds
        assert statement["Effect"] == "Allow"


def test_items_are_bounded_with_a_guard_against_requests_that_name_no_key() -> None:
    [items] = [each for each in session_policy(PLACE, "acme")["Statement"] if each["Action"] == "dynamodb:*"]
    assert items["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
    assert items["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == [
        "acme#*",
        "TENANT#acme",
        "ENDPOINT#acme-*",
    ]
