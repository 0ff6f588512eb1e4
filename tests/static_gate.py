"""What machines find in source and transformed template without running anything, less what is suppressed.

    python -m tests.static_gate

checkov, CloudFormation Guard with AWS Control Tower's rules, bandit, parliament and our semgrep rules, side by side.
Their environment is of its own (lint/requirements.lock, lint/package-lock.json); `make lint` sets it up.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from tests.lint_template import ROOT
from tests.prove.stack import Stack, stack_of, stack_of_ci

BIN = ROOT / ".venv-lint" / "bin"
GUARD = ROOT / "lint" / "node_modules" / "@cdklabs" / "cdk-validator-cfnguard"
SOURCES = ["functions", "layers", "cli", "local", "training"]
EXAMPLE = "lint/example"
MOST_SUPPRESSIONS = 15
ACCOUNT = "111122223333"
_GUARD_RULE = re.compile(r"\[(CT\.[A-Z0-9.]+)\]:? *(.*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a tool found, and where: the name of a resource, or file and line."""

    tool: str
    rule: str
    where: str
    said: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """Findings that are left so until a day, and why."""

    rules: list[str]
    where: list[str]
    reason: str
    expires: date

    def hides(self, finding: Finding) -> bool:
        """Whether the finding is one of these."""
        place = finding.where.partition(":")[0]
        return finding.rule in self.rules and any(fnmatch(place, pattern) for pattern in self.where)


def judged(findings: Iterable[Finding], suppressions: Sequence[Suppression], today: date) -> list[str]:
    """What fails the gate, in words: findings that nothing hides, and suppressions that are not what they should be."""
    found = list(findings)
    wrong = [
        f"{each.tool} {each.rule} {each.where}: {each.said}"
        for each in found
        if not any(one.hides(each) for one in suppressions)
    ]
    for one in suppressions:
        name = ", ".join(one.rules)
        if one.expires < today:
            wrong.append(
                f"The suppression of {name} expired on {one.expires}. Mend what it hides, or say anew why not."
            )
        if not any(one.hides(each) for each in found):
            wrong.append(f"The suppression of {name} hides nothing any more; take it out.")
        if len(one.reason) < 20:
            wrong.append(f"The suppression of {name} gives no reason.")
    if len(suppressions) > MOST_SUPPRESSIONS:
        wrong.append(f"There are {len(suppressions)} suppressions; more than {MOST_SUPPRESSIONS} hide too much.")
    return wrong


def suppressions() -> list[Suppression]:
    """The one file of them."""
    return [Suppression(**each) for each in yaml.safe_load((ROOT / "lint" / "suppressions.yaml").read_text())]


def deployed(system: Stack) -> list[Stack]:
    """Every stack that there is a template for: the system's, a tenant's, and the one for workflows.

    Raises:
        ValueError: when infra/ has a template that is none of these.
    """
    known = {"tenant.yaml": stack_of("acme", system), "ci.yaml": stack_of_ci(system)}
    written = {path.name for path in (ROOT / "infra").glob("*.yaml") if "AWSTemplateFormatVersion" in path.read_text()}
    if written != known.keys():
        raise ValueError(f"Teach tests/static_gate.py the templates {sorted(written ^ known.keys())} of infra/.")
    return [system, *known.values()]


def concrete(stack: Stack) -> dict[str, Any]:
    """The template as it is deployed, without functions of CloudFormation, which Guard does not evaluate."""
    resources = {
        name: {**resource, "Properties": stack.plain(resource.get("Properties", {}))}
        for name, resource in stack.resources.items()
    }
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def checkov(templates: Sequence[Path]) -> Iterator[Finding]:
    """checkov on the templates as they are deployed; on the source it sees less of the same."""
    told = _ran(
        [BIN / "checkov", "--skip-download", "--compact", "--quiet", "--framework", "cloudformation"],
        [word for template in templates for word in ("--file", template)],
        ["--output", "json"],
    )
    for report in told if isinstance(told, list) else [told]:
        for each in report.get("results", {}).get("failed_checks", []):
            yield Finding("checkov", each["check_id"], each["resource"].rpartition(".")[2], each["check_name"])


def guard(template: Path) -> Iterator[Finding]:
    """CloudFormation Guard with the rules of AWS Control Tower."""
    machine = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}[platform.machine()]
    binary = GUARD / "bin" / ("macos" if sys.platform == "darwin" else "ubuntu") / machine / "cfn-guard"
    binary.chmod(0o755)
    rules = GUARD / "rules" / "control-tower" / "cfn-guard"
    told = _ran(
        [binary, "validate", "--data", template, "--rules", rules], ["-o", "json", "--structured", "-S", "none"]
    )
    for report in told:
        yield from {each for broken in report["not_compliant"] for each in _of_guard(broken, "", "")}


def _of_guard(node: Any, rule: str, said: str) -> Iterator[Finding]:
    if isinstance(node, list):
        for each in node:
            yield from _of_guard(each, rule, said)
    elif isinstance(node, dict):
        message = " ".join((((node.get("messages") or {}).get("custom_message")) or "").split())
        if (known := _GUARD_RULE.search(message)) is not None:
            rule, said = known[1], known[2].partition("[FIX]")[0].strip()
        path = node.get("path")
        if isinstance(path, str) and path.startswith("/Resources/"):
            yield Finding("guard", rule, path.split("/")[2], said)
        for each in node.values():
            yield from _of_guard(each, rule, said)


def bandit() -> Iterator[Finding]:
    """bandit, from medium severity on."""
    for each in _ran([BIN / "bandit", "-q", "-ll", "-r", *SOURCES], ["-f", "json"])["results"]:
        yield Finding("bandit", each["test_id"], f"{each['filename']}:{each['line_number']}", each["issue_text"])


def semgrep() -> Iterator[Finding]:
    """Our own habits, as rules."""
    told = _ran(
        [BIN / "semgrep", "scan", "--config", "lint/semgrep.yaml", "--metrics", "off", "--disable-version-check"],
        ["--quiet", "--json", EXAMPLE, *SOURCES],
    )
    if told["errors"]:
        raise SystemExit(f"semgrep could not read everything: {told['errors'][0]}")
    rules = {each["id"] for each in yaml.safe_load((ROOT / "lint" / "semgrep.yaml").read_text())["rules"]}
    fired = {each["check_id"].rpartition(".")[2] for each in told["results"] if each["path"].startswith(EXAMPLE)}
    for name in sorted(rules - fired):
        yield Finding("semgrep", name, EXAMPLE, "does not find what it is against")
    for each in told["results"]:
        name = each["check_id"].rpartition(".")[2]
        if each["path"].startswith(EXAMPLE):
            continue
        yield Finding("semgrep", name, f"{each['path']}:{each['start']['line']}", each["extra"]["message"])


def parliament(stacks: Sequence[Stack]) -> Iterator[Finding]:
    """parliament on every policy of every role: actions, resources and conditions that IAM does not know."""
    policies = {
        f"{role.name}-{policy.name}": policy.document
        for stack in stacks
        for role in stack.roles.values()
        for policy in role.policies
        if policy.home != "AWS"
    }
    for stack in stacks:
        for name, properties in stack.of("AWS::IAM::Policy"):
            policies[f"{name}-"] = stack.plain(properties["PolicyDocument"])
    program = (
        "import json, sys\n"
        "from parliament import analyze_policy_string\n"
        "for name, document in json.load(sys.stdin).items():\n"
        "    for each in analyze_policy_string(json.dumps(document)).findings:\n"
        "        print(json.dumps([name, each.issue, str(each.detail)]))\n"
    )
    told = subprocess.run(
        [BIN / "python", "-W", "ignore", "-c", program],
        input=json.dumps(policies), capture_output=True, text=True, check=True,
    )  # fmt: skip
    for line in told.stdout.splitlines():
        name, issue, detail = json.loads(line)
        yield Finding("parliament", issue, name.partition("-")[0], detail)


def _ran(*command: Sequence[Any]) -> Any:
    """What a tool answers; most of them end with 1 when they find something."""
    words = [str(word) for part in command for word in part]
    ended = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "LOG_LEVEL": "ERROR"}
    )
    try:
        return json.loads(ended.stdout)
    except ValueError:
        raise SystemExit(
            f"{words[0]} ended with {ended.returncode} and said no JSON:\n{ended.stderr[-2000:]}"
        ) from None


def main() -> int:
    """Run every tool; 0 when nothing is found but what is suppressed."""
    stacks = deployed(Stack(ACCOUNT))
    with tempfile.TemporaryDirectory() as folder:
        templates = [Path(folder) / f"{stack.name}.json" for stack in stacks]
        for stack, template in zip(stacks, templates, strict=True):
            template.write_text(json.dumps(concrete(stack), indent=1))
        tools = {
            "checkov": lambda: checkov(templates),
            "semgrep": semgrep,
            "bandit": bandit,
            "guard": lambda: [each for template in templates for each in guard(template)],
            "parliament": lambda: parliament(stacks),
        }
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            begun = time.monotonic()
            found = list(pool.map(lambda tool: sorted(set(tool()), key=str), tools.values()))
    every = [finding for findings in found for finding in findings]
    kept = suppressions()
    wrong = judged(every, kept, datetime.now(UTC).date())
    counts = ", ".join(f"{name} {len(findings)}" for name, findings in zip(tools, found, strict=True))
    print(f"static gate: {counts} findings; {len(kept)} suppressions; {time.monotonic() - begun:.0f} s")
    print("\n".join(wrong) if wrong else "nothing is found that is not suppressed with a reason")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
