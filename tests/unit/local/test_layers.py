"""Layers, which environments have in common."""

import shutil
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headgate_local.layers import Archive


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def packed(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("python/core.py", text)
    return path


def unpacked(environment: Path, archive: Path, name: str = "layer_0") -> Path:
    target = environment / name
    target.mkdir(parents=True)
    with Archive(archive) as zipped:
        zipped.extractall(target)
    return target


def test_environments_that_begin_together_have_a_layer_in_common_which_outlives_them(folder: Path) -> None:
    archive = packed(folder / "layer.zip", "ANSWER = 42")
    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(lambda number: unpacked(folder / str(number), archive), range(4))
    assert {each.resolve() for each in others} == {one.resolve()}
    shutil.rmtree(folder / "0")
    assert [(each / "python" / "core.py").read_text() for each in others] == ["ANSWER = 42"] * 3


def test_another_layer_is_another_folder(folder: Path) -> None:
    one = unpacked(folder / "1", packed(folder / "one.zip", "ANSWER = 42"))
    other = unpacked(folder / "2", packed(folder / "other.zip", "ANSWER = 43"))
    assert (one / "python" / "core.py").read_text() != (other / "python" / "core.py").read_text()


def test_a_function_has_its_code_to_itself(folder: Path) -> None:
    archive = packed(folder / "code.zip", "ANSWER = 42")
    (unpacked(folder / "1", archive, "code") / "python" / "core.py").write_text("ANSWER = 43")
    assert (unpacked(folder / "2", archive, "code") / "python" / "core.py").read_text() == "ANSWER = 42"
