import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headgate_training.archive import unpack
from headgate_training.baseline import answers_of
from headgate_training.evaluation import evaluate
from headgate_training.families import FAMILIES, cnn, dnn
from headgate_training.fitting import Part, fit
from headgate_training.formats import outcome_of
from headgate_training.heads import Classes
from headgate_training.layout import GridPlace, Layout
from headgate_training.litert import LiteRtModel
from headgate_training.metrics import Outcome
from headgate_training.parquet import read_parquet
from headgate_training.pruning import KEEP, prune
from headgate_training.settings import Settings
from headgate_training.spec import read_spec

from .jobs import Job


def _parts(width: int) -> tuple[Part, Part]:
    """Rows whose class the first two columns decide."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(600, width)).astype(np.float32)
    target = (rows[:, 0] * rows[:, 1] > 0).astype(np.int64)
    return Part(rows[:500], target[:500]), Part(rows[500:], target[500:])


@pytest.mark.parametrize(
    ("module", "layout"),
    [(dnn, Layout()), (cnn, Layout(grids=[GridPlace("image", (8, 8, 1), 0)]))],
)
def test_a_pruned_network_is_narrower_and_still_knows(module: object, layout: Layout) -> None:
    family = module.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    train, validation = _parts(64)
    settings = Settings(family=family, hidden_units=32, epochs=3, members=2).chosen_for(500, 1)
    head = Classes(2)
    model = module.build(64, 2, settings, layout)  # type: ignore[attr-defined]
    best = fit(model, head, train, validation, settings, lambda _: None).best
    before = [weight.numpy() for weight in model.weights]
    small = prune(model, head, train, validation, settings, layout, best)
    assert small.count_params() < model.count_params()
    assert all((weight.numpy() == kept).all() for weight, kept in zip(model.weights, before, strict=True))

    def losses(network: object) -> float:
        scores = network(train.encoded, training=False)  # type: ignore[operator]
        return float(head.loss(train.target.astype(np.int32), scores))

    assert losses(small) < 1.1 * losses(model) + 0.05


def test_the_units_that_matter_stay() -> None:
    """A network of which all but a quarter of the units are dead answers as before when those are taken out."""
    train, validation = _parts(6)
    settings = Settings(family="dnn", hidden_units=16, members=2, dropout=0.0).chosen_for(500, 1)
    settings = Settings(**{**vars(settings), "learning_rate": 1e-12, "weight_decay": 0.0})
    model = dnn.build(6, 2, settings)
    random = np.random.default_rng(5)
    living = np.array([random.permutation(16)[: round(KEEP * 16)] for _ in range(2)])
    for weight in model.weights:
        value = random.normal(size=weight.shape).astype(np.float32)
        for axis, units in enumerate(weight.shape):
            if units == 16:
                mask = np.zeros((2, 16), np.float32)
                np.put_along_axis(mask, living, 1, axis=1)
                shape = [1] * value.ndim
                shape[0], shape[axis] = mask.shape
                value = value * mask.reshape(shape)
        weight.assign(value)
    small = prune(model, Classes(2), train, validation, settings, Layout(), best=1)
    expected = model(validation.encoded, training=False).numpy()
    assert small(validation.encoded, training=False).numpy() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_can_be_pruned_or_says_why_not(family: str) -> None:
    module = __import__(FAMILIES[family], fromlist=[family])
    assert hasattr(module, "NOT_PRUNED") != hasattr(module, "UNITS_ARE_SHARED")


def test_the_pruned_version_is_judged_and_packed_as_a_version_of_its_own(
    mixed_job: Job, make_processing_root: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_processing_root(mixed_job)
    evaluation = evaluate(root)
    written = json.loads((root / "output" / "evaluation.json").read_text())
    assert evaluation["formats"] == written["formats"]
    entries = {entry["name"]: entry for entry in written["formats"]}
    assert entries["pruned"]["skipped"] is None
    assert entries["pruned"]["bytes"] < entries["float32"]["bytes"]
    assert entries["pruned"]["saved_model_microseconds"] > 0
    assert entries["float32"]["saved_model_microseconds"] > 0

    version = unpack(root / "output" / "pruned" / "model.tar.gz", tmp_path / "unpacked")
    spec = read_spec(mixed_job.places.spec / "spec.json")
    table = read_parquet(mixed_job.test, spec)
    served = LiteRtModel(version).predict(table)
    assert served == pytest.approx(LiteRtModel(mixed_job.version, "pruned").predict(table), abs=1e-6)
    baseline = json.loads((root / "output" / "baseline.json").read_text())
    told = outcome_of(served, Outcome(np.zeros(len(table)), served), spec)
    assert baseline["pruned"]["answers"] == answers_of(told, spec)
    assert baseline["pruned"]["quality"]["value"] == pytest.approx(entries["pruned"]["value"])
    assert (tmp_path / "unpacked" / "code" / "inference.py").is_file()


def test_a_pruned_version_whose_engines_disagree_is_not_packed(
    mixed_job: Job, make_processing_root: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_processing_root(mixed_job)
    monkeypatch.setattr("headgate_training.pruned.TOLERANCE", -1.0)
    entries = {entry["name"]: entry for entry in evaluate(root)["formats"]}  # type: ignore[attr-defined]
    assert "differently" in entries["pruned"]["skipped"]
    assert not (root / "output" / "pruned").exists()
