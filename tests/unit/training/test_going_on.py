"""Whole jobs, and networks that draw in training, cut off and gone on with."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from headgate_training.checkpoints import Checkpoints
from headgate_training.families import cnn
from headgate_training.fitting import Circumstances, Epoch, Part, fit
from headgate_training.heads import Numbers
from headgate_training.layout import GridPlace, Layout
from headgate_training.settings import Settings
from headgate_training.training import Places, train

from .jobs import make_spec, write_parts, write_spec

IMAGE = Layout(grids=[GridPlace("image", (8, 8, 1), 0)])
RANDOM = np.random.default_rng(5)
ROWS = RANDOM.normal(size=(90, 64)).astype(np.float32)
TARGET = ROWS[:, 0] + ROWS[:, 9] + RANDOM.normal(size=90)
QUERY = "SELECT (hash(i) % 1000) / 500.0 AS a, (hash(i) % 1000) / 250.0 + (i % 3) AS y FROM range(300) rows(i)"


class CutOffError(Exception):
    pass


def test_what_a_network_draws_in_training_goes_on_too(tmp_path: Path) -> None:
    settings = Settings(family="cnn", epochs=3, members=1, hidden_units=4, layers=1, dropout=0.2, batch_size=16)
    settings = settings.chosen_for(60, seed=1)

    def run(folder: Path, cut_off_at: int = 0) -> list[np.ndarray]:
        def report(epoch: Epoch) -> None:
            if epoch.number == cut_off_at:
                raise CutOffError

        keras.utils.set_random_seed(1)
        model = cnn.build(64, 1, settings, IMAGE)
        keeper = Checkpoints(folder, "same", 0)
        parts = Part(ROWS[:60], TARGET[:60]), Part(ROWS[60:], TARGET[60:])
        fit(model, Numbers(TARGET[:60]), *parts, settings, report, Circumstances(keeper=keeper))
        weights: list[np.ndarray] = model.get_weights()
        return weights

    expected = run(tmp_path / "whole")
    with pytest.raises(CutOffError):
        run(tmp_path / "cut", cut_off_at=2)
    for one, other in zip(run(tmp_path / "cut"), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_job_that_is_cut_off_in_its_export_only_exports_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_parts(tmp_path, QUERY)
    write_spec(tmp_path / "spec", make_spec({"a": "numeric"}, "y", "regression"))
    folders = [tmp_path / name for name in ("train", "validation", "spec")]
    settings = Settings(epochs=4, members=2, hidden_units=8)

    def places(attempt: str, checkpoints: Path | None) -> Places:
        return Places(*folders, tmp_path / attempt / "model", tmp_path / attempt / "output", checkpoints)

    def cut_off(*_: object) -> None:
        raise CutOffError

    whole = train(places("whole", None), settings)
    assert whole["resumed"] is None
    with monkeypatch.context() as patch:
        patch.setattr("headgate_training.training.export", cut_off)
        with pytest.raises(CutOffError):
            train(places("first", tmp_path / "kept"), settings)
    capsys.readouterr()
    again = train(places("second", tmp_path / "kept"), settings)
    log = capsys.readouterr().out
    assert "resumed stage=done epoch=2\n" in log
    assert "epoch=1 " not in log
    assert again["resumed"] == {"stage": "done", "epoch": 2}
    same = {"epochs", "best_epoch", "history", "parameters", "rows", "settings", "data_digest", "code_digest"}
    assert {name: again[name] for name in same} == {name: whole[name] for name in same}
    assert isinstance(again["fit_seconds"], float)
    assert again["fit_seconds"] > again["seconds"]["fit"]  # type: ignore[index]
    written = [tmp_path / attempt / "model" / "1" / "assets.extra" / "golden.json" for attempt in ("whole", "second")]
    assert written[0].read_bytes() == written[1].read_bytes()


def test_the_checkpoints_of_another_training_are_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_parts(tmp_path, QUERY)
    write_spec(tmp_path / "spec", make_spec({"a": "numeric"}, "y", "regression"))
    places = Places(*(tmp_path / name for name in ("train", "validation", "spec", "model", "output", "kept")))
    settings = Settings(epochs=2, members=1, hidden_units=4)
    train(places, settings)
    capsys.readouterr()
    other = train(dataclasses.replace(places, model=tmp_path / "other"), dataclasses.replace(settings, seed=4))
    assert other["resumed"] is None
    assert "is of other data, settings or code and is left aside" in capsys.readouterr().out
