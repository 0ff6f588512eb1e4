import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.services.publish_training_code import _archive
from headgate.services.training_code import source_files
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.exporting import Version, export, fetch_version
from headgate_training.savedmodel import SavedModel

from .jobs import Job

TRAINING = Path(__file__).parents[3] / "training"


@pytest.fixture
def version(mixed_job: Job) -> Version:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("1", "code"):
            tar.add(mixed_job.places.model / name, name)
    return Version("3", packed.getvalue(), _archive(source_files(TRAINING)), "float32")


def run_bare(directory: Path) -> list[dict[str, Any]]:
    """Its predict.py in a process that is told nothing of Headgate."""
    command = [sys.executable, "-I", "-B", "predict.py", "request.json"]
    ran = subprocess.run(command, cwd=directory, env={}, capture_output=True, text=True, check=True)
    predictions: list[dict[str, Any]] = json.loads(ran.stdout)["predictions"]
    return predictions


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_an_export_answers_by_itself_as_the_version_did(version: Version, tmp_path: Path, name: str) -> None:
    files = export(version, name, tmp_path / "made", force=False)
    assert {"README.md", "signature.json", "request.json", "expected.json", "predict.py"} <= set(files)
    assert not any(file.endswith(("training.py", "fitting.py")) for file in files)
    expected = json.loads((tmp_path / "made" / "expected.json").read_text())["predictions"]
    for given, wanted in zip(run_bare(tmp_path / "made"), expected, strict=True):
        assert given["label"] == wanted["label"]
        assert given["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-4)


def test_a_saved_model_takes_its_own_example(version: Version, mixed_job: Job, tmp_path: Path) -> None:
    files = export(version, "saved_model", tmp_path / "made", force=False)
    assert {"Dockerfile", "kserve.yaml", "model/1/saved_model.pb"} <= set(files)
    assert "headgate" not in (tmp_path / "made" / "Dockerfile").read_text()
    signature = json.loads((tmp_path / "made" / "signature.json").read_text())
    with SavedModel(mixed_job.version) as model:
        assert {each["name"] for each in signature["inputs"]} == set(model._inputs)
        assert {each["name"] for each in signature["outputs"]} == set(model._outputs)
        rows = json.loads((tmp_path / "made" / "request.json").read_text())["instances"]
        feed = {
            model._inputs[each["name"]]: np.array(
                [row[each["name"]] for row in rows], np.float64 if each["type"] == "float64" else object
            )
            for each in signature["inputs"]
        }
        given = model._session.run(model._outputs["probabilities"], feed)
    expected = json.loads((tmp_path / "made" / "expected.json").read_text())["predictions"]
    assert given == pytest.approx(np.array([each["probabilities"] for each in expected]), abs=1e-4)


def test_the_format_that_the_gate_chose_is_exported(version: Version, mixed_job: Job, tmp_path: Path) -> None:
    export(Version("3", version.archive, version.code, "int8"), "litert", tmp_path / "made", force=False)
    given = (tmp_path / "made" / "model" / "assets.extra" / "model.litert").read_bytes()
    assert given == (mixed_job.version / "assets.extra" / "model.int8.litert").read_bytes()
    assert run_bare(tmp_path / "made") == json.loads((tmp_path / "made" / "expected.json").read_text())["predictions"]


def test_an_earlier_export_is_replaced_by_force_and_nothing_else(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, link = tmp_path / "made", tmp_path / "link"
    export(version, "litert", made, force=False)
    link.symlink_to(made)
    with pytest.raises(UsageError, match="--force"):
        export(version, "saved_model", made, force=False)
    files = export(version, "saved_model", link, force=True)
    assert link.is_symlink()
    assert "kserve.yaml" in files
    assert not (made / "predict.py").exists()
    (made / "mine.txt").write_text("mine")
    for home, here, to in (
        ("/", "/", made),
        ("/", made, Path()),
        ("/", made / "model", made),
        (made / "model", "/", made),
    ):
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.chdir(here)
        with pytest.raises(UsageError, match="not replaced"):
            export(version, "saved_model", to, force=True)
    assert (made / "mine.txt").read_text() == "mine"
    assert {each.name for each in tmp_path.iterdir()} == {"made", "link"}


def test_a_format_that_is_none_is_refused(version: Version, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="saved_model, litert, onnx"):
        export(version, "pickle", tmp_path / "made", force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_archive_leaves_nothing(version: Version, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be unpacked"):
        export(Version("3", b"nothing", version.code, "float32"), "litert", tmp_path / "made", force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from headgate.domain.names import Project

    known: Callable[..., list[dict[str, Any]]] = lambda *_: [{"version": "2", "arn": "a"}]  # noqa: E731
    monkeypatch.setattr("headgate_cli.registry.registered_versions", known)
    with pytest.raises(UsageError, match="no version 9; there is: 2"):
        fetch_version(None, Project("demo", "iris"), "9")  # type: ignore[arg-type]
