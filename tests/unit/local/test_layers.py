"""Layers, which environments have in common."""

import shutil
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headgate_local.layers import Zips


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def unpacked(environment: Path, text: str, name: str = "layer_0") -> Path:
    """Where the module `core` of an archive lies afterwards."""
    target, archive = environment / name, environment / f"{name}.zip"
    target.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo("core.py"), text)
    with Zips().ZipFile(str(archive)) as zipped:
        zipped.extractall(target)
    return target / "core.py"


def test_environments_that_begin_together_have_a_layer_in_common_which_outlives_them(folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(lambda number: unpacked(folder / str(number), "ANSWER = 42"), range(4))
    assert {each.resolve() for each in others} == {one.resolve()}
    shutil.rmtree(folder / "0")
    assert [each.read_text() for each in others] == ["ANSWER = 42"] * 3


def test_another_layer_is_another_folder(folder: Path) -> None:
    assert [unpacked(folder / text, text).read_text() for text in ("one", "other")] == ["one", "other"]


def test_a_function_has_its_code_to_itself(folder: Path) -> None:
    unpacked(folder / "1", "ANSWER = 42", "code").write_text("ANSWER = 43")
    assert unpacked(folder / "2", "ANSWER = 42", "code").read_text() == "ANSWER = 42"
