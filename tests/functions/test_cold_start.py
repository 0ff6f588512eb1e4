"""What a handler imports is what its cold start costs; the heavy ones must never come in by accident."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
HEAVY = {"pandas", "scipy", "sagemaker", "tensorflow", "keras", "numpy", "pyarrow", "polars", "aws_xray_sdk", "PIL"}
READERS = {"duckdb"}
READ = {"validate_dataset", "monitor_endpoint"}
PROBE = "import json, sys; sys.path.insert(0, sys.argv[1]); import app; print(json.dumps(sorted(sys.modules)))"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_imports_nothing_heavy(function: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, str(ROOT / "functions" / function)],
        capture_output=True,
        text=True,
        check=True,
        env={"AWS_DEFAULT_REGION": "eu-central-1", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    )
    imported = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    forbidden = HEAVY if function in READ else HEAVY | READERS
    assert not imported & forbidden


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
