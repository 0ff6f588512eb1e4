"""What a handler imports is what its cold start costs; the heavy ones must never come in by accident."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
HEAVY = {"pandas", "scipy", "sagemaker", "tensorflow", "keras", "numpy", "pyarrow", "polars", "aws_xray_sdk", "PIL"}
READERS = {"duckdb"}
READ = {"validate_dataset"}
SHARED = ("headgate.entrypoint", "aws_lambda_powertools.utilities.batch")
"""What handlers have in common; it is imported once, and each handler in a fork of the process that did."""
PROBE = f"""
import json, os, sys
import {", ".join(SHARED)}
print(json.dumps(["", sorted(sys.modules)]), flush=True)
for folder in sys.argv[1:]:
    if not os.fork():
        sys.path.insert(0, folder)
        import app
        print(json.dumps([os.path.basename(folder), sorted(sys.modules)]), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"{{folder}} cannot be imported")
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """The packages that each handler's process has imported; those of none are of what all share."""
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, *(str(ROOT / "functions" / function) for function in FUNCTIONS)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={"AWS_DEFAULT_REGION": "eu-central-1"},
    )
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    return {function: {name.partition(".")[0] for name in names} for function, names in told}


def test_no_handler_imports_what_is_heavy(imported: dict[str, set[str]]) -> None:
    found = {
        function: packages & (HEAVY if function in READ else HEAVY | READERS) for function, packages in imported.items()
    }
    assert found == {function: set() for function in ["", *FUNCTIONS]}
    assert {function for function, packages in imported.items() if "pydantic" in packages} == {
        "validate_dataset",
        "plan_training",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_reaches_aws_through_the_composition_root_only(function: str) -> None:
    tree = ast.parse((ROOT / "functions" / function / "app.py").read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    # A custom resource answers CloudFormation; the ledger's stream and messages are read as they were written.
    protocols = {"headgate.aws.cloudformation", "headgate.aws.ledger", "headgate.aws.audit", "headgate.aws.sqs"}
    assert not [name for name in modules - protocols if name.startswith(("boto", "headgate.aws", "headgate.tables"))]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_is_short(function: str) -> None:
    assert len((ROOT / "functions" / function / "app.py").read_text().splitlines()) <= 60


def test_every_folder_has_its_function_in_the_template(template: dict) -> None:
    in_template = {
        Path(resource["Properties"]["CodeUri"]).name
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert in_template == set(FUNCTIONS)
