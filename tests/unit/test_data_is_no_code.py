"""Nothing that reads what a tenant or a container wrote can run it: no pickles, no Keras archives, no YAML tags."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("layers/core/headgate", "training", "cli/headgate_cli", "functions", "local/headgate_local")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
# Keras runs Lambda layers, and did so in its safe mode too (CVE-2025-1550, CVE-2025-9906); pickles run anything.
CALLS = {
    *("load_model", "model_from_json", "model_from_config", "enable_unsafe_deserialization"),
    *("eval", "exec", "unsafe_load", "full_load"),
}
MODULES = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def called(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            of = node.func
            found.append((of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", ""), node))
    return found


def imported(tree: ast.AST) -> set[str]:
    names = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_runs_what_it_reads(source: Path) -> None:
    tree = ast.parse(source.read_text())
    assert MODULES & imported(tree) == set()
    for name, call in called(tree):
        assert name not in CALLS, f"line {call.lineno}: {name}"
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        pickled = given.get("allow_pickle")
        assert pickled is None or (isinstance(pickled, ast.Constant) and pickled.value is False)
        if name in ("extract", "extractall"):
            assert isinstance(given.get("filter"), ast.Constant), f"line {call.lineno}: members of an archive unchecked"


def test_nothing_that_people_open_is_written_as_csv() -> None:
    """A spreadsheet runs cells that begin with =, +, - or @; the one CSV of ours is read by DuckDB alone."""
    writes = [
        source.name
        for source in SOURCES
        if "headgate_local" not in source.parts  # SageMaker's own forms
        for name, _ in called(ast.parse(source.read_text()))
        if name in ("DictWriter", "to_csv") or (name == "writer" and "csv.writer" in source.read_text())
    ]
    assert writes == ["archives.py"]
