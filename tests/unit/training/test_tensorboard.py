"""Logs that TensorBoard reads, written without it."""

from pathlib import Path

from headgate_training.tensorboard import EventLog


def test_tensorboard_reads_the_scalars_of_every_epoch(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventLog(tmp_path / "logs")
    for step in (1, 2):
        events.scalars(step, {"loss": 1.0 / step, "val_auc": float("nan") if step == 1 else 0.5, "none": None})
    events.close()
    read = EventAccumulator(str(tmp_path / "logs")).Reload()
    scalars = {tag: [(each.step, each.value) for each in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    assert scalars == {"loss": [(1, 1.0), (2, 0.5)], "val_auc": [(2, 0.5)]}


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    events = EventLog(None)
    events.scalars(1, {"loss": 1.0})
    events.close()
    assert not list(tmp_path.iterdir())
