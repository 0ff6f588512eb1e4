"""Trainings that are cut off: wherever it happens, what comes out is what would have come out."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training.checkpoints import TERMINATED, Checkpoints, Progress
from headgate_training.families import dnn
from headgate_training.fitting import Circumstances, Epoch, Part, fit
from headgate_training.heads import Numbers
from headgate_training.settings import Settings
from headgate_training.workers import ALONE

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(240, 4)).astype(np.float32)
TARGET = ROWS[:, 0] - ROWS[:, 1] + RANDOM.normal(size=240) * 0.1
TRAIN, VALIDATION = Part(ROWS[:160], TARGET[:160]), Part(ROWS[160:], TARGET[160:])
SETTINGS = Settings(epochs=8, members=2, hidden_units=8).chosen_for(160, seed=4)
SEARCH, FINISH = 8, 2


class CutOffError(Exception):
    pass


class CutOff(Checkpoints):
    """Ends without notice after so many looks at the checkpoint."""

    def __init__(self, folder: Path, looks: int, seconds: float = 0.0) -> None:
        super().__init__(folder, "same", seconds)
        self.looks = looks

    def keep(self, *given: Any, **more: Any) -> None:
        super().keep(*given, **more)
        self.looks -= 1
        if not self.looks:
            raise CutOffError


def run(keeper: Checkpoints | None = None, report: Callable[[Epoch], None] = lambda _: None) -> dict[str, object]:
    keras.utils.set_random_seed(4)
    model, head = dnn.build(4, 1, SETTINGS), Numbers(TRAIN.target)
    history: list[dict[str, float | None]] = []

    def note(epoch: Epoch) -> None:
        history.append({"val_loss": epoch.val_loss})
        report(epoch)

    around = Circumstances(history, *([keeper] if keeper else []))
    best = fit(model, head, TRAIN, VALIDATION, SETTINGS, note, around).best
    answers = head.answer(model(ROWS)).numpy()
    return {"weights": model.get_weights(), "answers": answers, "best": best, "history": history}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, object]:
    return run()


def assert_same(one: dict[str, object], other: dict[str, object]) -> None:
    for first, second in zip(one["weights"], other["weights"], strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(one["answers"], other["answers"])
    assert (one["best"], one["history"]) == (other["best"], other["history"])


@pytest.fixture(scope="module")
def left_behind(undisturbed: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What lies on disk after each look at the checkpoint of one training: what a training that ends there leaves."""
    folder, copies = tmp_path_factory.mktemp("watched"), tmp_path_factory.mktemp("copies")
    found: list[Path] = []

    class Copying(Checkpoints):
        def keep(self, *given: Any, **more: Any) -> None:
            super().keep(*given, **more)
            found.append(Path(shutil.copytree(folder, copies / str(len(found)))))

    assert_same(run(Copying(folder, "same", seconds=0.0)), undisturbed)
    return found


@pytest.mark.parametrize("looks", [1, 4, SEARCH, SEARCH + 1, SEARCH + FINISH, SEARCH + FINISH + 1])
def test_a_training_that_was_cut_off_ends_with_the_same_bits(
    looks: int, undisturbed: dict[str, object], left_behind: list[Path]
) -> None:
    told: list[Epoch] = []
    assert_same(run(Checkpoints(left_behind[looks - 1], "same"), told.append), undisturbed)
    assert [epoch.number for epoch in told] == list(range(looks + 1, SEARCH + 1))


def test_what_came_after_the_last_checkpoint_is_done_again(undisturbed: dict[str, object], tmp_path: Path) -> None:
    keeper = CutOff(tmp_path, 3)
    with pytest.raises(CutOffError):
        run(keeper)
    with pytest.raises(CutOffError):
        run(CutOff(tmp_path, 2, seconds=3600))
    assert_same(run(Checkpoints(tmp_path, "same")), undisturbed)


@pytest.mark.parametrize("looks", [3, SEARCH + 1])
def test_a_job_that_is_told_to_end_keeps_what_it_has(
    looks: int, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    class Told(Checkpoints):
        looks = 0

        def keep(self, *given: Any, **more: Any) -> None:
            self.looks += 1
            if self.looks == looks:
                os.kill(os.getpid(), signal.SIGTERM)
            super().keep(*given, **more)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        run(Told(tmp_path, "same"))
    assert ended.value.code == TERMINATED
    assert signal.getsignal(signal.SIGTERM) is before
    kept = Checkpoints(tmp_path, "same").load()
    assert kept is not None
    assert (kept.stage, kept.epoch) == (("search", 3) if looks == 3 else ("finish", 1))
    assert_same(run(Checkpoints(tmp_path, "same")), undisturbed)


def test_a_damaged_checkpoint_is_left_aside_for_the_one_before(
    undisturbed: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CutOffError):
        run(CutOff(tmp_path, 4))
    newest = tmp_path / "checkpoint-0.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    told: list[Epoch] = []
    assert_same(run(Checkpoints(tmp_path, "same"), told.append), undisturbed)
    assert told[0].number == 4
    assert "checkpoint-0.npz is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_without_a_sound_checkpoint_training_begins_anew(
    content: bytes | None, undisturbed: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        np.savez(tmp_path / "checkpoint-1.npz", about=np.zeros(3))
    else:
        (tmp_path / "checkpoint-1.npz").write_bytes(content)
    assert_same(run(Checkpoints(tmp_path, "same")), undisturbed)
    assert "is damaged" in capsys.readouterr().out


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small checkpoint."""
    folder = tmp_path_factory.mktemp("sound")
    standing = Progress(epoch=3, best=2, best_loss=0.5, history=[{"loss": 1.0}], state=[np.arange(6.0)])
    Checkpoints(folder, "same").keep(lambda: standing, ALONE.any)
    return (folder / "checkpoint-1.npz").read_bytes()


@given(data=st.data())
def test_whatever_damage_is_noticed_or_harmless(
    data: st.DataObject, sound: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(sound[: data.draw(st.integers(0, len(sound)), "length")])
    if content:
        content[data.draw(st.integers(0, len(content) - 1), "at")] = data.draw(st.integers(0, 255), "byte")
    (folder / "checkpoint-1.npz").write_bytes(content)
    found = Checkpoints(folder, "same").load()
    if found is not None:
        assert (found.stage, found.epoch, found.best, found.best_loss) == ("search", 3, 2, 0.5)
        np.testing.assert_array_equal(found.state[0], np.arange(6.0))


def test_a_bit_of_the_weights_that_turned_is_noticed(sound: bytes, tmp_path: Path) -> None:
    at = sound.index(np.arange(6.0).tobytes()) + 9
    (tmp_path / "checkpoint-1.npz").write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    assert Checkpoints(tmp_path, "same").load() is None


def test_a_short_fit_keeps_its_beginning_and_its_end(undisturbed: dict[str, object], tmp_path: Path) -> None:
    written: list[tuple[str, int]] = []

    class Noting(Checkpoints):
        def _write(self, progress: Progress) -> None:
            written.append((progress.stage, progress.epoch))
            super()._write(progress)

    assert_same(run(Noting(tmp_path, "same", seconds=3600)), undisturbed)
    assert written == [("search", 1), ("done", FINISH)]
    told: list[Epoch] = []
    assert_same(run(Noting(tmp_path, "same", seconds=3600), told.append), undisturbed)
    assert told == []
    assert len(written) == 2


def test_a_place_that_cannot_be_written_to_costs_no_training(
    undisturbed: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    assert_same(run(Checkpoints(tmp_path / "file" / "checkpoints", "same")), undisturbed)
    assert "warning: a checkpoint could not be written (NotADirectoryError" in capsys.readouterr().out


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Checkpoints(tmp_path, "same", 0)
    for epoch in (1, 2):
        keeper.keep(lambda epoch=epoch: Progress(epoch=epoch), ALONE.any)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        keeper.keep(lambda: Progress(epoch=3), ALONE.any)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-0.npz", "checkpoint-1.npz"]
    assert (kept := Checkpoints(tmp_path, "same").load()) is not None
    assert kept.epoch == 2
    keeper.keep(lambda: Progress(epoch=4), ALONE.any)
    assert sorted(found.epoch for found in _both(tmp_path)) == [2, 4]


def _both(folder: Path) -> list[Progress]:
    """What each of the two files holds."""
    found = []
    for path in folder.glob("*.npz"):
        alone = folder / path.stem
        alone.mkdir()
        (alone / path.name).write_bytes(path.read_bytes())
        kept = Checkpoints(alone, "same").load()
        assert kept is not None
        found.append(kept)
    return found


def test_a_job_ends_when_another_worker_was_told_to(tmp_path: Path) -> None:
    keeper = Checkpoints(tmp_path, "same", 3600)
    with pytest.raises(SystemExit):
        keeper.keep(lambda: Progress(epoch=5), lambda mine: not mine)
    assert (kept := Checkpoints(tmp_path, "same").load()) is not None
    assert kept.epoch == 5


def test_seconds_add_up_over_all_attempts(tmp_path: Path) -> None:
    with pytest.raises(CutOffError):
        run(CutOff(tmp_path, 1))
    first = Checkpoints(tmp_path, "same").load()
    run(Checkpoints(tmp_path, "same"))
    last = Checkpoints(tmp_path, "same").load()
    assert first is not None
    assert last is not None
    assert 0 < first.seconds < last.seconds


def test_a_checkpoint_of_other_data_settings_or_code_is_left_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CutOffError):
        run(CutOff(tmp_path, 2))
    assert Checkpoints(tmp_path, "other").load() is None
    assert capsys.readouterr().out.count("is of other data, settings or code") == 2


def test_one_who_does_not_write_leaves_no_checkpoint(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "same", 0, writes=False).keep(Progress, ALONE.any)
    assert not list(tmp_path.iterdir())
