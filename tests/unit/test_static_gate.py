"""What the static gate lets through, and what it does not; the tools themselves run in `make lint`."""

import json
import re
import subprocess
from datetime import date

import pytest
from cyclonedx.output.json import JsonV1Dot6
from tests import bill_of_materials
from tests.prove.stack import Stack
from tests.static_gate import (
    ACCOUNT,
    MOST_SUPPRESSIONS,
    ROOT,
    Finding,
    Suppression,
    concrete,
    deployed,
    judged,
    suppressions,
)

LOCKS = subprocess.run(
    ["git", "ls-files", "*.lock"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
TODAY = date(2026, 12, 1)
FOUND = Finding("bandit", "B608", "layers/core/headgate/tables/load.py:114", "SQL")
HIDES = Suppression(["B608"], ["layers/core/headgate/tables/*"], "Identifiers are quoted.", date(2027, 1, 1))


@pytest.mark.parametrize(
    ("found", "kept", "says"),
    [
        ([FOUND], [HIDES], []),
        ([FOUND], [], ["bandit B608 layers/core/headgate/tables/load.py:114: SQL"]),
        ([Finding("bandit", "B608", "cli/x.py:1", "SQL"), FOUND], [HIDES], ["bandit B608 cli/x.py:1: SQL"]),
        ([], [HIDES], ["hides nothing any more"]),
        ([FOUND], [Suppression(HIDES.rules, HIDES.where, HIDES.reason, date(2026, 11, 30))], ["expired on 2026-11-30"]),
        ([FOUND], [Suppression(HIDES.rules, HIDES.where, "so", HIDES.expires)], ["gives no reason"]),
        ([FOUND], [HIDES] * 16, ["There are 16 suppressions"]),
    ],
)
def test_what_is_not_suppressed_with_reason_and_day_fails(
    found: list[Finding], kept: list[Suppression], says: list[str]
) -> None:
    wrong = judged(found, kept, TODAY)
    assert len(wrong) == len(says)
    assert all(said in line for said, line in zip(says, wrong, strict=True))


def test_suppressions_are_few_and_reasoned() -> None:
    kept = suppressions()
    assert 0 < len(kept) <= MOST_SUPPRESSIONS
    assert all(isinstance(each.expires, date) and len(each.reason) > 40 for each in kept)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_so_that_none_can_be_exchanged(lock: str) -> None:
    pins = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text())
    pinned = [pin for pin in pins if re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==", pin)]
    assert pinned
    assert [pin.partition("==")[0] for pin in pinned if "--hash=sha256:" not in pin] == []


def test_the_bill_of_materials_names_every_package_of_the_layer_with_its_hashes() -> None:
    lock = bill_of_materials.LOCK.read_text()
    made = bill_of_materials.bill(lock, (ROOT / "template.yaml").read_text())
    document = json.loads(JsonV1Dot6(made).output_as_string())
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "headgate")
    libraries = {each["name"]: each for each in document["components"] if each["type"] == "library"}
    assert libraries.keys() == set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
    assert all(each["hashes"] and each["purl"].startswith("pkg:pypi/") for each in libraries.values())
    containers = {each["name"] for each in document["components"] if each["type"] == "container"}
    assert containers == {"tensorflow-training", "tensorflow-inference"}


def test_every_template_is_looked_at_as_it_is_deployed() -> None:
    system, *others = deployed(Stack(ACCOUNT))
    assert [each.name for each in others] == ["headgate-acme", "headgate-ci"]
    for stack in (system, *others):
        text = json.dumps(concrete(stack))
        assert "Fn::" not in text
        assert '"Ref"' not in text
