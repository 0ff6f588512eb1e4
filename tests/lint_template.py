"""Lints the template as it is and as SAM transforms it, and each state machine as Step Functions reads it.

    python -m tests.lint_template

cfn-lint does not look into what SAM generates (inline policies), nor into a definition in a file of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
REGION = "eu-central-1"


class ManagedPolicies:
    """The few managed policies that SAM adds by itself, without asking AWS for all of them."""

    def load(self) -> dict[str, str]:
        prefix = "arn:aws:iam::aws:policy/service-role/"
        return {name: prefix + name for name in ("AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole")}


def transformed(parameters: Mapping[str, str] = MappingProxyType({}), core: str = "core") -> dict:
    """The CloudFormation that SAM makes of the template with these parameters; `core` is where the layer was put."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name, value in parameters.items():
        template["Parameters"][name]["Default"] = value
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in properties:
                properties[name] = {"Bucket": "staging-bucket", "Key": Path(properties[name]).name}
    template["Resources"]["CoreLayer"]["Properties"]["ContentUri"]["Key"] = core
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM asks boto3, though it calls nothing
    return transform(template, {"AWS::Region": REGION}, ManagedPolicies())


def every_state(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The states of a machine, and those of the branches in them."""
    for state in machine["States"].values():
        yield state
        for branch in state.get("Branches", []):
            yield from every_state(branch)


def main() -> int:
    """Run every linter; 0 when all are content."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "transformed.json"
        whole.write_text(json.dumps(transformed(), indent=1))
        commands = [[BIN / "cfn-lint", ROOT / "template.yaml"], [BIN / "cfn-lint", whole]]
        for definition in sorted((ROOT / "statemachines").glob("*.asl.yaml")):
            machine = Path(folder) / definition.with_suffix(".json").name
            states = yaml.safe_load(definition.read_text())
            for state in every_state(states):
                if str(state.get("Seconds", "")).startswith("{%"):
                    state["Seconds"] = 1  # Step Functions evaluates it; statelint knows numbers only
                if isinstance(state.get("Arguments"), str):
                    state["Arguments"] = " ".join(state["Arguments"].split())  # it reads expressions of one line only
            machine.write_text(json.dumps(states))
            commands.append([BIN / "statelint", machine])
        ends = [subprocess.run(command, check=False).returncode for command in commands]
    return int(any(ends))


if __name__ == "__main__":
    sys.exit(main())
