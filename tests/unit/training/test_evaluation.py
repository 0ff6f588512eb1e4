"""Processing jobs end to end: verdict, rivals, and what cannot be judged."""

import dataclasses
import json
import runpy
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from headgate_training.evaluation import EvaluationError, evaluate
from headgate_training.parquet import DataError

from .jobs import MIXED_QUERY, Job, make_spec, run_job

EVALUATE_PY = Path(__file__).parents[3] / "training" / "evaluate.py"


@pytest.mark.parametrize(
    ("name", "metric", "least"), [("healthcare", "auc", 0.97), ("finance", "auc", 0.7), ("manufacturing", "r2", 0.8)]
)
def test_models_of_real_data_clearly_beat_the_trivial_predictor(
    train_example: Callable[[str], Job],
    make_processing_root: Callable[..., Path],
    name: str,
    metric: str,
    least: float,
) -> None:
    root = make_processing_root(train_example(name))
    evaluation = evaluate(root)
    assert json.loads((root / "output" / "evaluation.json").read_text()) == evaluation
    assert evaluation["challenger"][metric] > least
    assert evaluation["champion"] is None
    assert evaluation["challenger"].keys() == evaluation["trivial"].keys()
    difference = evaluation["difference"]
    assert difference["against"] == "trivial"
    assert evaluation["trivial_difference"].items() <= difference.items()
    assert evaluation["newest"] is None
    assert 0 < difference["low"] < difference["estimate"] <= difference["high"]
    assert evaluation["parity"]["max_abs_error"] < 1e-5
    assert evaluation["parity"]["rows"] == evaluation["rows"] > 100


@pytest.fixture(scope="session")
def blind_champion(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A champion of an older dataset: of one of the columns only, and without one of the classes."""
    spec = make_spec({"50% a+b/c": "numeric"}, "outcome", "binary", classes=["often", "seldom"], positive="often")
    query = f"SELECT * FROM ({MIXED_QUERY}) WHERE outcome <> 'never'"
    return run_job(tmp_path_factory.mktemp("champion"), query, spec, epochs=2)


def test_a_champion_with_other_columns_and_classes_is_compared_on_the_same_rows(
    mixed_job: Job, blind_champion: Job, make_processing_root: Callable[..., Path]
) -> None:
    evaluation = evaluate(make_processing_root(mixed_job, blind_champion))
    assert evaluation["difference"]["against"] == "champion"
    assert evaluation["difference"]["low"] > 0
    assert evaluation["difference"]["estimate"] == pytest.approx(
        evaluation["challenger"]["accuracy"] - evaluation["champion"]["accuracy"]
    )
    assert evaluation["champion"].keys() == evaluation["challenger"].keys()
    assert evaluation["trivial_difference"]["estimate"] == pytest.approx(
        evaluation["challenger"]["accuracy"] - evaluation["trivial"]["accuracy"]
    )


def test_the_newest_rows_are_judged_beside_the_fixed_holdout(
    mixed_job: Job, blind_champion: Job, make_processing_root: Callable[..., Path]
) -> None:
    root = make_processing_root(mixed_job, blind_champion)
    shutil.copytree(mixed_job.test, root / "input" / "newest")
    rewrite_holdout(root, "*", part="newest", limit=40)
    evaluation = evaluate(root)
    newest = evaluation["newest"]
    assert newest["rows"] == 40 < evaluation["rows"]
    assert newest["difference"]["estimate"] == pytest.approx(
        newest["challenger"]["accuracy"] - newest["champion"]["accuracy"]
    )
    assert newest["difference"]["low"] <= newest["difference"]["estimate"] <= newest["difference"]["high"]


def test_newest_rows_without_a_column_of_the_champion_are_passed_over_and_it_is_said(
    mixed_job: Job, blind_champion: Job, make_processing_root: Callable[..., Path]
) -> None:
    root = make_processing_root(blind_champion, mixed_job)
    shutil.copytree(blind_champion.test, root / "input" / "newest")
    rewrite_holdout(root, '* EXCLUDE "smoker?"', part="newest")
    evaluation = evaluate(root)
    assert evaluation["newest"] is None
    assert "lacks columns that the model needs: smoker?" in evaluation["notes"][0]


def test_the_script_evaluates_under_its_root(
    mixed_job: Job, make_processing_root: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_processing_root(mixed_job, mixed_job)
    monkeypatch.setattr("sys.argv", ["evaluate.py", "--root", str(root)])
    runpy.run_path(str(EVALUATE_PY), run_name="__main__")
    evaluation = json.loads((root / "output" / "evaluation.json").read_text())
    assert evaluation["difference"] == {"against": "champion", "level": 0.95, "estimate": 0, "low": 0, "high": 0}
    assert evaluation["champion"] == evaluation["challenger"]


def test_a_model_that_contradicts_its_golden_answers_is_refused(
    mixed_job: Job, make_processing_root: Callable[..., Path], tmp_path: Path
) -> None:
    model = shutil.copytree(mixed_job.places.model, tmp_path / "forged")
    path = model / "1" / "assets.extra" / "golden.json"
    golden = json.loads(path.read_text())
    golden["golden"][0]["answer"]["probabilities"] = [0.9, 0.05, 0.05]
    golden["golden"][1]["answer"]["probabilities"] = [0.05, 0.05, 0.9]
    path.write_text(json.dumps(golden))
    forged = dataclasses.replace(mixed_job, places=dataclasses.replace(mixed_job.places, model=model))
    with pytest.raises(EvaluationError, match=r"contradicts [12] of its 20 golden answers"):
        evaluate(make_processing_root(forged))


def test_models_of_different_tasks_are_not_compared(
    mixed_job: Job, make_processing_root: Callable[..., Path], tmp_path: Path
) -> None:
    spec = make_spec({"ward 😀": "categorical"}, "50% a+b/c", "regression")
    champion = run_job(tmp_path / "champion", MIXED_QUERY, spec, epochs=1)
    with pytest.raises(EvaluationError, match="does regression but the challenger multiclass"):
        evaluate(make_processing_root(mixed_job, champion))


def rewrite_holdout(root: Path, select: str, part: str = "holdout", limit: int = 10**6) -> None:
    holdout = root / "input" / part
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE read AS FROM '{holdout}/test.parquet'")
        connection.execute(f"CREATE TABLE data AS SELECT {select} FROM read LIMIT {limit}")
        connection.execute(f"COPY data TO '{holdout}/test.parquet'")


def test_a_holdout_without_a_column_of_the_champion_is_refused(
    mixed_job: Job, blind_champion: Job, make_processing_root: Callable[..., Path]
) -> None:
    root = make_processing_root(blind_champion, mixed_job)
    rewrite_holdout(root, '* EXCLUDE "smoker?"')
    with pytest.raises(DataError, match=r"lacks columns that the model needs: smoker\?"):
        evaluate(root)


def test_a_holdout_that_cannot_tell_the_metric_is_refused(
    train_example: Callable[[str], Job], make_processing_root: Callable[..., Path]
) -> None:
    root = make_processing_root(train_example("healthcare"))
    rewrite_holdout(root, "* REPLACE ('benign' AS diagnosis)")
    with pytest.raises(EvaluationError, match="cannot tell auc"):
        evaluate(root)


def test_slices_groups_and_what_a_model_weighs_are_told(
    train_example: Callable[[str], Job], make_processing_root: Callable[..., Path]
) -> None:
    root = make_processing_root(train_example("finance"))
    with_declared(root, slices=["purpose", "nowhere"], sensitive=["personal_status_sex", "nowhere"])
    evaluation = evaluate(root)
    declared = [each for each in evaluation["slices"] if each["declared"]]
    assert {each["column"] for each in declared} == {"purpose"}
    assert sum(each["rows"] for each in declared) == evaluation["rows"]
    found = [each for each in evaluation["slices"] if not each["declared"]]
    assert found
    assert all(each["whole"]["estimate"] < 0 and each["difference"] is None for each in found)
    groups, absent = evaluation["groups"]
    assert sum(each["rows"] for each in groups["groups"]) == evaluation["rows"]
    assert 0 <= groups["selection_rate"]["low"] <= groups["selection_rate"]["high"] <= 1
    assert "does not have this column" in absent["skipped"]
    assert sum(each["rows"] for each in evaluation["calibration"]["challenger"]["bins"]) == evaluation["rows"]
    sizes, speeds = evaluation["artifact"]["bytes"], evaluation["artifact"]["p50_microseconds"]
    assert min(*sizes.values(), *speeds.values()) > 0
    assert sizes["archive"] == (root / "input" / "challenger" / "model.tar.gz").stat().st_size
    assert evaluation["importance"][0]["column"] == "checking_status"
    assert {each["name"] for each in evaluation["formats"]} >= {"float32", "float16"}


def with_declared(root: Path, **declared: list[str]) -> None:
    """Give the packed challenger a spec that declares columns for the evaluator."""
    archive = root / "input" / "challenger" / "model.tar.gz"
    unpacked = root / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    path = unpacked / "1" / "assets.extra" / "spec.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | declared))
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(unpacked, arcname=".")


def test_a_forecast_is_judged_against_what_repeats_best_and_says_so(
    tmp_path: Path, make_processing_root: Callable[..., Path]
) -> None:
    past = {f"sold[-{ago}]": "numeric" for ago in range(4, 0, -1)}
    season = "100 * sin(pi() * (i - {}) / 2) + i - {} + hash(i - {}) % 9"  # comes back every four steps, and grows
    windows = ", ".join(f'({season.format(ago, ago, ago)})::DOUBLE AS "sold[-{ago}]"' for ago in range(4, 0, -1))
    query = f"SELECT {windows}, ({season.format(0, 0, 0)})::DOUBLE AS sold FROM range(300) rows(i)"
    spec = make_spec(past, "sold", "regression") | {"forecast": {"entity": [], "time": "day", "steps": 4}}
    root = make_processing_root(run_job(tmp_path / "job", query, spec, epochs=40, members=2))
    evaluation = evaluate(root)
    assert evaluation["trivial_repeats"] == 4
    assert evaluation["trivial"]["rmse"] == pytest.approx(5.4, abs=1)  # four steps of growth, and noise
    page = (root / "output" / "card.html").read_text()
    assert "than repeating the value of 4 steps ago" in page
    assert "guessing" not in page
