"""Training as whole processes: several workers, one that dies or is told to end, and runs that agree bit for bit.

They are forks of the local cloud's warm pool, which spares each the import of TensorFlow.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from headgate_local.pool import WarmPool, WarmProcess
from headgate_local.sagemaker.jobs.container import free_ports
from headgate_local.sagemaker.jobs.script import Script, run

TRAIN_PY = Path(__file__).parents[2] / "training" / "train.py"
ROWS = """
    SELECT (hash(i) % 1000) / 500.0 - 1 AS a, (hash(i + 5000) % 1000) / 500.0 - 1 AS b, 2 * a - b + 3 AS y
    FROM range(600) rows(i)
"""
SPEC = {
    "format": 1, "target": "y", "task": "regression", "classes": None, "positive": None, "metric": "rmse",
    "direction": "minimize", "seed": 17, "columns": [{"name": name, "kind": "numeric"} for name in "ab"],
}  # fmt: skip
SETTINGS = {"epochs": 6, "members": 2, "hidden_units": 8, "dropout": 0.0, "batch_size": 33, "learning_rate": 0.003}
SECONDS = 180
TERMINATED = 143


@dataclass
class Host:
    """A process of training and its folder."""

    process: WarmProcess
    folder: Path

    def lines(self) -> Iterator[str]:
        """What it prints, as it prints it."""
        with os.fdopen(os.dup(self.process.output.fileno()), encoding="utf-8") as printed:
            yield from printed

    def ended(self) -> tuple[int | None, str]:
        """Its exit code, and what it has printed since somebody listened."""
        printed = "".join(self.lines())
        return self.process.wait(SECONDS), printed

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.folder / "output" / "metrics.json").read_text())

    def weights(self) -> dict[str, np.ndarray]:
        """What the last checkpoint holds, but for what it says about itself."""
        last = max((self.folder / "checkpoints").glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
        with np.load(last) as stored:
            return {name: stored[name] for name in stored.files if name.startswith("state")}


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channels")
    for part, share in {"train": "< 80", "validation": ">= 80"}.items():
        (folder / part).mkdir()
        query = f"SELECT * FROM ({ROWS}) WHERE hash(a, b) % 100 {share}"
        duckdb.sql(f"COPY ({query}) TO '{folder / part / part}.parquet'")
    (folder / "spec").mkdir()
    (folder / "spec" / "spec.json").write_text(json.dumps(SPEC))
    return folder


@pytest.fixture(scope="module")
def pool() -> Iterator[WarmPool]:
    pool = WarmPool(idle=SECONDS)
    yield pool
    pool.close()


@pytest.fixture
def start(pool: WarmPool, channels: Path, tmp_path: Path) -> Iterator[Callable[..., list[Host]]]:
    """Start train.py on so many hosts, each with folders of its own; checkpoints that were ``kept`` they share."""
    hosts: list[Host] = []

    def begin(count: int, kept: Path | None = None, **changes: object) -> list[Host]:
        arguments = [text for name, value in (SETTINGS | changes).items() for text in (f"--{name}", str(value))]
        addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
        new = []
        for index in range(count):
            own = tmp_path / f"host-{len(hosts)}"
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = os.environ | {
                "TF_CONFIG": json.dumps(config) if count > 1 else "",
                **{f"SM_CHANNEL_{name.upper()}": str(channels / name) for name in ("train", "validation", "spec")},
                "SM_MODEL_DIR": str(own / "model"),
                "SM_OUTPUT_DATA_DIR": str(own / "output"),
                "HEADGATE_CHECKPOINTS": str(kept or own / "checkpoints"),
                "HEADGATE_CHECKPOINT_SECONDS": "0",
            }
            command = ("python", str(TRAIN_PY), *arguments)
            hosts.append(Host(pool.start(run, Script(command, environment, str(tmp_path))), own))
            new.append(hosts[-1])
        return new

    yield begin
    for host in hosts:
        host.process.signal(signal.SIGKILL)
        assert host.process.wait(SECONDS) is not None
        host.process.output.close()


def test_two_workers_come_to_what_one_comes_to(start: Callable[..., list[Host]]) -> None:
    (alone,) = start(1)
    assert alone.ended()[0] == 0
    chief, other = start(2)
    ended = [chief.ended(), other.ended()]
    assert [code for code, _ in ended] == [0, 0], ended
    assert ended[1][1].count("epoch=") == 0
    assert chief.metrics["workers"] == 2
    for one, two in zip(alone.metrics["history"], chief.metrics["history"], strict=True):
        assert two == pytest.approx(one, rel=1e-4, abs=1e-5)
    for name, value in alone.weights().items():
        np.testing.assert_allclose(chief.weights()[name], value, rtol=1e-3, atol=1e-4)
    assert (chief.folder / "model" / "1" / "saved_model.pb").exists()
    assert not other.folder.exists()


def test_a_worker_that_dies_ends_the_other_in_words(start: Callable[..., list[Host]]) -> None:
    chief, other = start(2, epochs=100_000, patience=100_000)
    assert any("epoch=2 " in line for line in chief.lines())
    other.process.signal(signal.SIGKILL)
    code, output = chief.ended()
    assert code == 1
    assert "WorkerLostError: Another host of this training job ended" in output


def test_workers_end_together_when_one_is_told_to_and_go_on_together(
    start: Callable[..., list[Host]], tmp_path: Path
) -> None:
    settings, kept = {"epochs": 60, "patience": 60}, tmp_path / "kept"
    chief, other = start(2, kept, **settings)
    assert any("epoch=2 " in line for line in chief.lines())
    other.process.signal(signal.SIGTERM)
    assert [chief.ended()[0], other.ended()[0]] == [TERMINATED, TERMINATED]
    again = start(2, kept, **settings)
    (code, log), (other_code, _) = [host.ended() for host in again]
    assert (code, other_code) == (0, 0), log
    assert "epoch=2 " not in log
    resumed = again[0].metrics["resumed"]
    assert resumed["stage"] == "search"
    assert f"epoch={resumed['epoch'] + 1} " in log
    assert again[0].metrics["epochs"] == 60


def test_deterministic_runs_agree_bit_for_bit(start: Callable[..., list[Host]]) -> None:
    runs = [start(1, deterministic="true", dropout=0.2)[0] for _ in range(2)]
    assert [run.ended()[0] for run in runs] == [0, 0]
    first, second = (run.weights() for run in runs)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert runs[0].metrics["settings"]["deterministic"] is True
