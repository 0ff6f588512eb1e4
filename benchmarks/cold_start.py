"""Cold start: importing each handler, what is made for it and its clients, as a ratio to a bare `import boto3`.

    python -m benchmarks.cold_start [--json] [--rounds N]

Every measurement is a fresh interpreter; handlers and the peer take turns, so that a busy machine slows both.
"""

import argparse
import ast
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOAL, GOAL_READER = 2.7, 2.5
BARE = "import time; start = time.perf_counter(); import boto3; print(time.perf_counter() - start)"
HANDLER = """
import importlib, sys, time
start = time.perf_counter()
sys.path.insert(0, sys.argv[1])
import app
import headgate.clients
for made in sys.argv[2:]:
    kind, name = made.split(":")
    if kind == "module":
        importlib.import_module(name)
    else:
        getattr(headgate.clients, kind)(name, "bench")  # a tenant's asks STS at its first call
print(time.perf_counter() - start)
"""
READER = "import time; start = time.perf_counter(); import duckdb; print(time.perf_counter() - start)"
ENVIRONMENT = {  # Lambda gives every function its region and its credentials so
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "PATH": os.environ["PATH"],
    "LEDGER_TABLE": "ledger",  # and the template this
    "DATA_BUCKET": "data",
    "ARTIFACT_BUCKET": "artifacts",
    "TENANT_KEYS": "arn:aws:kms:eu-central-1:123456789012:alias/headgate-",
    "FUNCTION_ROLE_ARN": "arn:aws:iam::123456789012:role/function",
}


def made_at_once(function: str) -> list[str]:
    """What a handler has the composition root make, read from the sources: the modules that are imported for it, the
    clients by their kind and service, and that of STS, which brings a tenant's credentials.

    What the root keeps for later, in a lambda or a partial, is no part of a cold start.
    """
    root = _functions(ROOT / "layers/core/headgate/entrypoint.py")
    made: set[str] = set()
    todo, seen = _parts(ast.parse((ROOT / "functions" / function / "app.py").read_text())), set()
    while todo:
        match todo.pop():
            case ast.Call(func=ast.Name(id="client" | "shared" as kind), args=[ast.Constant(value=str(service)), *_]):
                made |= {f"{kind}:{service}"} | ({"shared:sts"} if kind == "client" else set())
            case ast.Name(id=name) if name in root and name not in seen:
                seen.add(name)
                parts = _parts(root[name])
                made |= {f"module:{node.module}" for node in parts if isinstance(node, ast.ImportFrom)}
                todo += parts
    return sorted(made)


def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def _parts(tree: ast.AST) -> list[ast.AST]:
    """Everything in it, but for what is inside of a lambda or a partial."""
    match tree:
        case ast.Lambda() | ast.Call(func=ast.Name(id="partial")):
            return []
    return [tree, *(part for child in ast.iter_child_nodes(tree) for part in _parts(child))]


def seconds(code: str, *arguments: str) -> float:
    """The time that a fresh interpreter reports for the code."""
    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    return float(answer.stdout)


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds, in seconds and as ratios to the bare import."""
    functions = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
    made = {function: made_at_once(function) for function in functions}
    taken: dict[str, list[float]] = {name: [] for name in ("boto3", "duckdb", *functions)}
    for _ in range(rounds):
        taken["boto3"].append(seconds(BARE))
        taken["duckdb"].append(seconds(READER))
        for function in functions:
            taken[function].append(seconds(HANDLER, str(ROOT / "functions" / function), *made[function]))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return {name: {"seconds": value, "ratio": value / medians["boto3"]} for name, value in medians.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    measured = measure(options.rounds)
    if options.json:
        print(json.dumps(measured))
        return
    print(f"{'what':24}{'seconds':>9}{'x import boto3':>16}  goal")
    for name, value in measured.items():
        goal = {"boto3": "", "duckdb": "", "validate_dataset": f"<= {GOAL_READER + measured['duckdb']['ratio']:.1f}"}
        print(f"{name:24}{value['seconds']:9.3f}{value['ratio']:16.2f}  {goal.get(name, f'<= {GOAL}')}")


if __name__ == "__main__":
    main()
