"""Documentation is true or it is removed: what it names must be there."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.commands import every_command, takes

from headgate_local.faults.actions import ACTIONS

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
DOCUMENTS = [ROOT / name for name in TRACKED]
COMMANDS = set(every_command())
GROUPS = {(name.split()[0],) for name in COMMANDS if " " in name}
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=TRACKED)
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", CODE.sub("", document.read_text()))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=TRACKED)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for code in CODE.findall(document.read_text()) for name in re.findall(r"\bmake ([a-z][a-z-]*)", code)}
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=TRACKED)
def test_every_command_that_is_named_exists(document: Path) -> None:
    code = "\n".join(CODE.findall(document.read_text()))
    named = {tuple(filter(None, words)) for words in re.findall(r"\bheadgate ([a-z][a-z-]*)(?: ([a-z]+))?", code)}
    assert [words for words in named if not (COMMANDS & {words[0], " ".join(words)} or words in GROUPS)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=TRACKED)
def test_every_fault_that_is_ordered_exists(document: Path) -> None:
    code = "\n".join(CODE.findall(document.read_text()))
    known = {name for action in ACTIONS for name in (action, action.rpartition(":")[2])}
    assert set(re.findall(r"\bheadgate fault add ([a-z][\w:-]*)", code)) <= known


def test_every_command_that_answers_programs_says_what_with() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()
    told = set()
    for cell in re.findall(
        r"^\| ((?:`[a-z ]+`(?:, )?)+) \|", text.partition("| command | document |")[2], re.MULTILINE
    ):
        first, *others = re.findall(r"`([a-z ]+)`", cell)
        group = first.rpartition(" ")[0]
        told |= {first, *(other if other in COMMANDS else f"{group} {other}" for other in others)}
    assert told == {name for name, command in every_command().items() if takes(command, "--json")}


def test_every_file_that_is_named_exists() -> None:
    missing = []
    for document in DOCUMENTS:
        for code in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|yaml|toml))`", document.read_text()):
            places = (ROOT, ROOT / "layers/core/headgate", ROOT / "training", ROOT / "local/headgate_local")
            if "NNNN" not in code and not any((place / code).exists() for place in places):
                missing.append(f"{document.name}: {code}")
    assert missing == []


FAULTS = {"faults": {"A": 11, "E": 14}, "security": {"S": 16, "K": 8, "D": 16}}
"""How many faults of each kind a document tells of."""


@pytest.mark.parametrize("document", FAULTS)
def test_every_fault_has_its_behaviour_and_tests_that_are_there(document: str) -> None:
    text = (ROOT / "docs" / f"{document}.md").read_text()
    rows = re.findall(r"^\| ([A-Z]\d\d(?:, [A-Z]\d\d)*) \| (.+) \|$", text, re.MULTILINE)
    told = [fault for faults, _ in rows for fault in faults.split(", ")]
    for kind, count in FAULTS[document].items():
        assert [fault for fault in told if fault.startswith(kind)] == [f"{kind}{n:02}" for n in range(1, count + 1)]
    for faults, row in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
        assert named, faults
        for file, test in named:
            source = (ROOT / "tests" / file).read_text()
            assert re.search(rf"^def {test}\(", source, re.MULTILINE), f"{faults}: {file} has no {test}"


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    sources = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [name for name in sources if len((ROOT / name).read_text().splitlines()) > 400] == []
