"""The layer of the core as `sam build` makes it; what it holds is in `test_supply_chain`."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / "layers" / "core" / "Makefile"


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer of one module, which is older by the clock than what is compiled of it."""
    module = tmp_path / "layer" / "python" / "core.py"
    module.parent.mkdir(parents=True)
    module.write_text("ANSWER = 42\n")
    os.utime(module, (0, 0))
    return tmp_path / "layer"


def compiled(layer: Path, runtime: tuple[int, int], tmp_path: Path) -> tuple[Path, str]:
    """Where its byte code is to be, and what was said."""
    path = tmp_path / "bin"
    path.mkdir()
    (path / "python3").symlink_to(sys.executable)
    make = shutil.which("make")
    assert make is not None
    command = [make, "-f", str(MAKEFILE), "bytecode", f"ARTIFACTS_DIR={layer}", f"RUNTIME={runtime}"]
    done = subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=True)
    return Path(importlib.util.cache_from_source(str(layer / "python" / "core.py"))), done.stderr


def test_its_byte_code_holds_whenever_it_is_unpacked_and_names_the_place(layer: Path, tmp_path: Path) -> None:
    code, _ = compiled(layer, sys.version_info[:2], tmp_path)
    unchecked = b"\x01\0\0\0"
    assert code.read_bytes()[4:8] == unchecked
    assert b"/opt/python/core.py" in code.read_bytes()


def test_another_python_compiles_nothing_and_says_what_that_costs(layer: Path, tmp_path: Path) -> None:
    code, said = compiled(layer, (3, 2), tmp_path)
    assert not code.exists()
    assert "no Python (3, 2) here" in said
