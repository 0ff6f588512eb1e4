"""Training jobs end to end: the directory they leave, the answers it gives, and what stops them."""

import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from headgate_training.answers import answers
from headgate_training.fitting import Epoch
from headgate_training.heads import Amounts, Classes, Numbers, choose_head
from headgate_training.litert import LiteRtModel
from headgate_training.parquet import DataError, read_parquet, read_target
from headgate_training.reporting import Reporter
from headgate_training.savedmodel import SavedModel
from headgate_training.settings import Settings
from headgate_training.spec import Spec, SpecError, read_spec
from headgate_training.table import Table
from headgate_training.tensorboard import EventLog
from headgate_training.training import Places, train
from headgate_training.trivial import load_trivial
from headgate_training.words import TrainingError

from .jobs import MIXED_COLUMNS, Job, make_spec, run_job, write_spec

TRAIN_PY = Path(__file__).parents[3] / "training" / "train.py"


def read_golden(job: Job) -> list[dict]:
    return json.loads((job.version / "assets.extra" / "golden.json").read_text(encoding="utf-8"))["golden"]


def test_a_job_leaves_exactly_the_agreed_files(mixed_job: Job) -> None:
    written = {str(path.relative_to(mixed_job.places.model)) for path in mixed_job.places.model.rglob("*")}
    assert written == {
        "1",
        "code",
        "code/inference.py",
        "code/headgate_training",
        "code/headgate_training/__init__.py",
        "code/headgate_training/bodies.py",
        "code/headgate_training/rows.py",
        "1/saved_model.pb",
        "1/assets.extra",
        "1/assets.extra/encoding.json",
        "1/assets.extra/golden.json",
        "1/assets.extra/model.litert",
        "1/assets.extra/model.float16.litert",
        "1/assets.extra/model.dynamic.litert",
        "1/assets.extra/model.int8.litert",
        "1/assets.extra/baseline.json",
        "1/assets.extra/formats.json",
        "1/assets.extra/spec.json",
        "1/assets.extra/training.json",
        "1/assets.extra/trivial.json",
        # A version of its own, which is packed as one where it serves.
        "1/assets.extra/pruned",
        "1/assets.extra/pruned/saved_model.pb",
        "1/assets.extra/pruned/assets.extra",
        "1/assets.extra/pruned/assets.extra/golden.json",
        "1/assets.extra/pruned/assets.extra/model.litert",
        "1/assets.extra/pruned/assets.extra/spec.json",
    }
    assert [path.name for path in mixed_job.places.output.iterdir()] == ["metrics.json"]


def test_metrics_tell_the_course_of_the_training(mixed_job: Job) -> None:
    metrics = json.loads((mixed_job.places.output / "metrics.json").read_text())
    assert metrics == mixed_job.metrics
    assert metrics["epochs"] == len(metrics["history"]) <= 30
    assert metrics["history"][0].keys() == {"loss", "val_loss", "val_accuracy"}
    assert metrics["seconds"].keys() == {"read", "encode", "fit", "export", "compress"}
    assert metrics["fit_seconds"] == metrics["seconds"]["fit"] > 0
    assert metrics["parameters"] > 0
    assert metrics["seed"] == 17


def test_the_signature_takes_columns_of_any_name_and_kind(mixed_job: Job) -> None:
    with SavedModel(mixed_job.version) as model:
        assert set(model._inputs) == set(MIXED_COLUMNS)
        assert set(model._outputs) == {"label", "probabilities"}
        outputs = model.predict(read_parquet(mixed_job.test, model.spec))
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-6)


def test_labels_of_the_signature_are_the_most_probable_classes(mixed_job: Job) -> None:
    for example in read_golden(mixed_job):
        probabilities = example["answer"]["probabilities"]
        assert example["answer"]["label"] == ["never", "often", "seldom"][int(np.argmax(probabilities))]


def test_the_model_learns_what_is_there_to_learn(mixed_job: Job) -> None:
    with SavedModel(mixed_job.version) as model:
        predicted = model.predict(read_parquet(mixed_job.test, model.spec)).argmax(axis=1)
        assert (predicted == read_target(mixed_job.test, model.spec)).mean() > 0.9


@pytest.mark.parametrize("name", ["healthcare", "finance", "manufacturing"])
def test_both_engines_give_the_same_answers_to_golden_requests(train_example: Callable[[str], Job], name: str) -> None:
    job = train_example(name)
    golden = read_golden(job)
    twin = LiteRtModel(job.version)
    assert len(golden) == 20
    for answer, example in zip(twin.answer([example["request"] for example in golden]), golden, strict=True):
        assert answer.keys() == example["answer"].keys()
        assert answer.get("label") == example["answer"].get("label")
        for key in answer.keys() - {"label"}:
            np.testing.assert_allclose(answer[key], example["answer"][key], rtol=1e-5, atol=1e-6)


def test_one_row_alone_gets_the_answer_it_gets_in_company(mixed_job: Job) -> None:
    twin = LiteRtModel(mixed_job.version)
    requests = [example["request"] for example in read_golden(mixed_job)]
    together = twin.answer(requests)
    for request, answer in zip(requests, together, strict=True):
        assert twin.answer([request])[0]["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-6)
    assert twin.answer([]) == []


def test_a_regression_answers_a_value_between_its_low_and_high(train_example: Callable[[str], Job]) -> None:
    job = train_example("manufacturing")
    with SavedModel(job.version) as model:
        low, value, high = model.predict(read_parquet(job.test, model.spec)).T
        target = read_target(job.test, model.spec)
    assert (low >= 0).all()
    assert (low <= value).all()
    assert (value <= high).all()
    assert 0.75 < ((low <= target) & (target <= high)).mean() <= 1


def test_regression_and_class_answers_have_their_form(spec_of: Callable[..., Spec]) -> None:
    spec = spec_of("regression")
    assert answers(np.array([[1.0, 2.0, 4.0]]), spec) == [{"value": 2.0, "low": 1.0, "high": 4.0}]
    spec = spec_of("binary", classes=["no", "yes"], positive="yes")
    assert answers(np.array([[0.25, 0.75]]), spec) == [{"label": "yes", "probabilities": [0.25, 0.75]}]


@pytest.fixture
def spec_of(tmp_path: Path) -> Callable[..., Spec]:
    def make(task: str, **changes: object) -> Spec:
        return read_spec(write_spec(tmp_path / "spec", make_spec({"x": "numeric"}, "y", task, **changes)))

    return make


def test_the_same_seed_trains_the_same_model(mixed_job: Job, tmp_path: Path) -> None:
    def run(name: str, seed: int) -> dict:
        places = Places(
            mixed_job.places.train,
            mixed_job.places.validation,
            mixed_job.places.spec,
            tmp_path / name,
            tmp_path / name,
        )
        return train(places, Settings(epochs=3, seed=seed))

    first, second, other = run("first", 5), run("second", 5), run("other", 6)
    assert first["history"] == second["history"] != other["history"]


def test_the_script_trains_from_the_environment(
    mixed_job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(mixed_job.places.train))
    monkeypatch.setenv("SM_CHANNEL_VALIDATION", str(mixed_job.places.validation))
    monkeypatch.setenv("SM_CHANNEL_SPEC", str(mixed_job.places.spec))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.setenv("SM_OUTPUT_DATA_DIR", str(tmp_path / "output"))
    hyperparameters = ["--epochs", "2", "--batch_size", "64", "--hidden_units", "8", "--model_dir", "s3://x"]
    hyperparameters += ["--_tuning_objective_metric", "val_loss"]
    monkeypatch.setattr("sys.argv", ["train.py", *hyperparameters])
    runpy.run_path(str(TRAIN_PY), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["epoch=1", "epoch=2"]
    told = ["epoch", "loss", "val_loss", "val_accuracy", "objective"]
    assert [pair.split("=")[0] for pair in lines[0].split(" ")] == told
    assert (tmp_path / "model" / "1" / "saved_model.pb").exists()
    assert json.loads((tmp_path / "output" / "metrics.json").read_text())["settings"]["batch_size"] == 64


def test_a_tuning_job_reads_what_the_kept_epoch_is_worth(
    mixed_job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(mixed_job.places.train, mixed_job.places.validation, mixed_job.places.spec, tmp_path, tmp_path)
    metrics = train(places, Settings(epochs=40, patience=12, learning_rate=0.05, hidden_units=32))
    told = [float(line.rpartition("objective=")[2]) for line in capsys.readouterr().out.splitlines()]
    history, best = metrics["history"], int(str(metrics["best_epoch"]))
    values = [epoch["val_accuracy"] for epoch in history]  # type: ignore[attr-defined]
    assert told[-1] == pytest.approx(values[best - 1], abs=1e-6)
    assert told[0] == pytest.approx(values[0], abs=1e-6)
    assert best < len(values)  # the last epoch's own value is another one's


def test_an_unknown_hyperparameter_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", "--epoch_count", "2"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(TRAIN_PY), run_name="__main__")
    assert "--epoch_count" in capsys.readouterr().err


def test_an_absurd_learning_rate_ends_in_words(mixed_job: Job, tmp_path: Path) -> None:
    places = Places(mixed_job.places.train, mixed_job.places.validation, mixed_job.places.spec, tmp_path, tmp_path)
    with pytest.raises(ValueError, match="learning_rate"):
        train(places, Settings(epochs=2, learning_rate=1e30))


def test_the_trivial_predictor_knows_the_training_part_only(
    mixed_job: Job, train_example: Callable[[str], Job]
) -> None:
    spec = read_spec(mixed_job.version / "assets.extra" / "spec.json")
    shares = np.bincount(read_target(mixed_job.places.train, spec)) / mixed_job.metrics["rows"]["train"]
    trivial = load_trivial(mixed_job.version / "assets.extra" / "trivial.json")
    two = Table(np.zeros((2, len(spec.numeric_names))), [])
    np.testing.assert_allclose(trivial.predict(two, spec, "accuracy"), [shares, shares])
    job = train_example("manufacturing")
    trivial = load_trivial(job.version / "assets.extra" / "trivial.json")
    spec = read_spec(job.version / "assets.extra" / "spec.json")
    target, table = read_target(job.places.train, spec), read_parquet(job.places.train, spec)
    assert trivial.predict(table, spec, "rmse")[0] == pytest.approx(target.mean())
    assert trivial.predict(table, spec, "mae")[0] == np.median(target)


def test_the_head_follows_from_the_task_and_the_training_target(spec_of: Callable[..., Spec]) -> None:
    classes = spec_of("multiclass", classes=["a", "b", "c"])
    numbers = spec_of("regression")
    skewed = np.array([0.0] * 50 + [1.0] * 10 + [20.0])
    assert isinstance(choose_head(classes, np.array([0, 1, 2])), Classes)
    assert isinstance(choose_head(numbers, skewed), Amounts)
    assert not isinstance(choose_head(numbers, skewed - 1), Amounts)
    assert isinstance(choose_head(numbers, np.linspace(0, 1, 50)), Numbers)
    assert not isinstance(choose_head(numbers, np.linspace(0, 1, 50)), Amounts)


@pytest.mark.parametrize(
    ("rows", "batch_size", "patience", "members"),
    [(10, 10, 15, 8), (600, 37, 15, 8), (4_999, 312, 15, 8), (5_000, 312, 8, 4), (900_000, 512, 5, 2)],
)
def test_open_settings_are_chosen_by_the_number_of_rows(
    rows: int, batch_size: int, patience: int, members: int
) -> None:
    chosen = Settings().chosen_for(rows, seed=17)
    assert (chosen.batch_size, chosen.patience, chosen.members, chosen.seed) == (batch_size, patience, members, 17)
    assert chosen.chosen_for(7_777, seed=1) == chosen


def test_serving_needs_neither_tensorflow_nor_pyarrow() -> None:
    code = "import sys, headgate_training.litert as _; sys.exit(not {'tensorflow', 'pyarrow'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"task": "ranking"}, "ranking"),
        ({"columns": []}, "no columns"),
        ({"columns": [{"name": "x", "kind": "image"}]}, "image"),
        ({"classes": ["one"]}, "1 classes"),
        ({"positive": "maybe"}, "positive class"),
    ],
)
def test_a_spec_that_cannot_be_followed_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    spec = make_spec({"x": "numeric"}, "y", "binary", classes=["no", "yes"], positive="yes")
    with pytest.raises(SpecError, match=message):
        read_spec(write_spec(tmp_path, spec | changes))


def test_a_file_that_does_not_fit_the_spec_is_refused(mixed_job: Job, tmp_path: Path) -> None:
    def refusal(read: Callable, columns: dict[str, str], classes: Sequence[str] = ("a", "b")) -> str:
        spec = read_spec(write_spec(tmp_path, make_spec(columns, "outcome", "multiclass", classes=classes)))
        with pytest.raises(DataError) as refused:
            read(mixed_job.test, spec)
        return str(refused.value)

    assert "lacks columns that the model needs: shoe size" in refusal(read_parquet, {"shoe size": "numeric"})
    assert "needs numbers in column 'ward 😀'" in refusal(read_parquet, {"ward 😀": "numeric"})
    assert "needs text in column '50% a+b/c'" in refusal(read_parquet, {"50% a+b/c": "categorical"})
    assert "not a class" in refusal(read_target, {"50% a+b/c": "numeric"}, ["often", "never"])
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    with pytest.raises(DataError, match="no Parquet file"):
        read_parquet(tmp_path, read_spec(mixed_job.places.spec / "spec.json"))


@pytest.mark.parametrize("target", ["1e-60 * y", "1e60 * y", "1.7e12 + y", "1e40 * exp(3 * y)"])
def test_answers_are_as_fine_as_the_target_whatever_its_unit(tmp_path: Path, target: str) -> None:
    drawn = "SELECT (hash(i) % 1000) / 1000.0 AS a, (i % 7)::DOUBLE AS b, 2 * a + b / 7 AS y FROM range(400) rows(i)"
    query = f"SELECT a::DOUBLE AS a, b, ({target})::DOUBLE AS y FROM ({drawn})"
    job = run_job(tmp_path, query, make_spec({"a": "numeric", "b": "numeric"}, "y", "regression"), epochs=40)
    spec = read_spec(job.places.spec / "spec.json")
    table, true = read_parquet(job.test, spec), read_target(job.test, spec)
    with SavedModel(job.version) as model:
        low, value, high = model.predict(table).T
    assert np.square(value - true).mean() < 0.1 * true.var()
    assert ((low <= true) & (true <= high)).mean() > 0.7
    np.testing.assert_allclose(LiteRtModel(job.version).predict(table)[:, 1], value, rtol=0, atol=1e-5 * true.std())
    told = [epoch["val_rmse"] for epoch in job.metrics["history"]]
    assert told[-1] < true.std()


@pytest.mark.parametrize(("size", "word"), [(1e200, "large"), (1e-200, "small")])
def test_a_target_whose_squares_are_no_numbers_is_refused_in_words(
    spec_of: Callable[..., Spec], size: float, word: str
) -> None:
    with pytest.raises(TrainingError, match=f"are too {word}"):
        choose_head(spec_of("regression"), size * np.linspace(1, 2, 9))


def test_the_objective_tells_small_targets_apart(
    spec_of: Callable[..., Spec], capsys: pytest.CaptureFixture[str]
) -> None:
    """A search for settings reads the objective from the log, where small ones must not be 0."""
    target = 1e-12 * np.arange(4.0)
    report = Reporter(spec_of("regression"), target, [], EventLog(None))
    report(Epoch(1, 0.5, 0.5, target + 1.5e-13))
    assert "val_rmse=1.5e-13 objective=1.5e-13" in capsys.readouterr().out
