"""What mypy does not see of the benchmarks: how they are called, and what the programs take that they hold as text."""

import ast
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import pytest
from benchmarks import scale
from benchmarks.__main__ import NAMES
from benchmarks.cold_start import made_at_once

from headgate import clients

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
OURS = ("headgate", "headgate_training", "headgate_local", "headgate_cli")


def defined(module: str) -> set[str]:
    """The names that a module of ours has, read from its source: importing it could take seconds."""
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None, module
    names: set[str] = set()
    for node in ast.parse(Path(found.origin).read_text()).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {each.asname or each.name for each in node.names}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


def programs() -> list[tuple[str, ast.Module]]:
    texts = [
        (path.name, node.value)
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("\nimport ")
    ]
    return [(name, ast.parse(text)) for name, text in texts]


def test_every_benchmark_can_be_called_by_its_name() -> None:
    runnable = {path.stem for path in FOLDER.glob("[!_]*.py") if '__name__ == "__main__"' in path.read_text()}
    assert runnable - {"bare"} == set(NAMES)


@pytest.mark.parametrize("program", programs(), ids=lambda program: program[0])
def test_what_a_program_takes_is_there(program: tuple[str, ast.Module]) -> None:
    taken = [
        (node.module, each.name)
        for node in ast.walk(program[1])
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(OURS)
        for each in node.names
    ]
    assert [each for each in taken if each[1] not in defined(each[0])] == []


def test_what_a_cold_start_makes_is_read_from_the_composition_root() -> None:
    made = {"client:dynamodb", "client:sagemaker", "shared:sts", "module:headgate.aws.sagemaker"}
    assert made <= set(made_at_once("deploy_release"))


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What the benchmark tells functions ends with the test."""
    clients.forget_clients()
    with patch.dict(os.environ):
        yield
    clients.forget_clients()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("what", ["projects", "tenants"])
def test_the_account_in_which_growth_is_measured_tells_functions_all_that_they_need(what: str, tmp_path: Path) -> None:
    assert all(scale.MEASURES[what](2, tmp_path).values())
