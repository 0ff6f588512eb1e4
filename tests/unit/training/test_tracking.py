"""An MLflow server is told of every run once, and a job ends the same without it. The store is MLflow's own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from evaluate import main
from headgate_training import tracking
from headgate_training.tracking import IMPATIENT, KEY, QUIET, metrics_of, tell

from .jobs import Job

CARD: dict[str, Any] = {
    "identity": {"tenant": "acme", "project": "valves", "run": "acme-valves-0123456789", "champion": None},
    "spec": {"task": "binary", "metric": "auc", "direction": "maximize"},
    "training": {
        "settings": {"epochs": 2, "family": "dnn"},
        "history": [{"loss": 0.5, "val_auc": 0.7}, {"loss": 0.4, "val_auc": None}],
        "epochs": 2,
        "data_digest": "d1",
        "versions": {"tensorflow": "2.21.0"},
    },
    "evaluation": {"rows": 90, "challenger": {"auc": 0.8, "log_loss": float("nan")}, "champion": None},
}


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (IMPATIENT | QUIET).items():
        monkeypatch.setenv(name, value)  # what is told sets them; they end with the test


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/runs.db"


def told(tmp_path: Path, uri: str, card: dict[str, Any]) -> bool:
    (tmp_path / "output").mkdir(exist_ok=True)
    (tmp_path / "output" / "card.json").write_text(json.dumps(card))
    return tell(tmp_path, uri)


def runs_in(uri: str, experiment: str) -> list[Run]:
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


def test_the_evaluation_tells_what_the_run_was(
    mixed_job: Job, make_processing_root: Callable[..., Path], store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TENANT": "demo", "PROJECT": "mixed", "RUN": "demo-mixed-1", "MLFLOW": store}.items():
        monkeypatch.setenv(f"HEADGATE_{name}", value)
    root = make_processing_root(mixed_job)
    main(["--root", str(root)])
    [run] = runs_in(store, "headgate/demo/mixed")
    evaluation = json.loads((root / "output" / "evaluation.json").read_text())
    assert run.info.status == "FINISHED"
    assert run.data.tags[KEY] == run.info.run_name == "demo-mixed-1"
    assert run.data.tags["headgate.code_digest"] == mixed_job.metrics["code_digest"]
    assert run.data.params["family"] == "dnn"
    assert run.data.metrics["challenger.accuracy"] == evaluation["challenger"]["accuracy"]
    history = MlflowClient(tracking_uri=store).get_metric_history(run.info.run_id, "val_loss")
    assert [each.value for each in history] == [epoch["val_loss"] for epoch in mixed_job.metrics["history"]]


def test_telling_twice_leaves_one_run_with_each_value_once(tmp_path: Path, store: str) -> None:
    assert told(tmp_path, store, CARD)
    assert told(tmp_path, store, CARD)
    [run] = runs_in(store, "headgate/acme/valves")
    assert len(MlflowClient(tracking_uri=store).get_metric_history(run.info.run_id, "loss")) == 2


def test_what_was_left_half_told_is_told_to_its_end(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConnectionError

    card = CARD | {"identity": CARD["identity"] | {"project": "half"}}
    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_terminated", broken)
        assert not told(tmp_path, store, card)
    assert told(tmp_path, store, card)
    [run] = runs_in(store, "headgate/acme/half")
    assert run.info.status == "FINISHED"
    assert len(MlflowClient(tracking_uri=store).get_metric_history(run.info.run_id, "loss")) == 2


def test_a_job_without_the_package_says_so_and_ends_well(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mlflow", "mlflow.entities", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, name, None)
    assert not told(tmp_path, store, CARD)
    assert "warning: MLflow was not told of this run: ModuleNotFoundError" in capsys.readouterr().out


def test_an_address_with_a_password_is_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not told(tmp_path, "nowhere://user:hunter2@host", CARD)
    assert "hunter2" not in capsys.readouterr().out


def test_only_finite_numbers_are_metrics() -> None:
    assert set(metrics_of(CARD)) == {
        ("epochs", 2, 0), ("rows.holdout", 90, 0), ("challenger.auc", 0.8, 0),
        ("loss", 0.5, 1), ("val_auc", 0.7, 1), ("loss", 0.4, 2),
    }  # fmt: skip


def test_a_long_history_is_told_in_pieces(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "METRICS_AT_ONCE", 2)
    card = CARD | {"identity": CARD["identity"] | {"project": "long"}}
    assert told(tmp_path, store, card)
    [run] = runs_in(store, "headgate/acme/long")
    assert set(run.data.metrics) == {name for name, _, _ in metrics_of(card)}
