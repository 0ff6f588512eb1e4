"""`headgate tensorboard`, from the log that training writes to what the browser is told."""

import json
import time
import urllib.request
from pathlib import Path

from headgate_cli.tensorboard import serving
from headgate_training.tensorboard import EventLog

DEADLINE = 60.0


def test_tensorboard_tells_what_training_logged_and_ends_with_the_command(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "run")
    events.scalars(1, {"val_auc": 0.5})
    events.scalars(2, {"val_auc": 0.75})
    events.close()
    with serving(tmp_path) as (url, process):
        deadline, told = time.monotonic() + DEADLINE, {}
        while not told and time.monotonic() < deadline:  # TensorBoard reads logs when it is up already
            with urllib.request.urlopen(f"{url}data/plugin/scalars/tags", timeout=DEADLINE) as answer:
                told = json.load(answer)
            time.sleep(0.1)
        assert list(told["run"]) == ["val_auc"]
        with urllib.request.urlopen(
            f"{url}data/plugin/scalars/scalars?run=run&tag=val_auc", timeout=DEADLINE
        ) as answer:
            assert [(step, value) for _, step, value in json.load(answer)] == [(1, 0.5), (2, 0.75)]
    assert process.poll() is not None
