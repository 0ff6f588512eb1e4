"""The monitor: what it finds and when, how often it is wrong, and how much it can read.

    python -m benchmarks.drift [--json] [--windows N] [--rows N]

Real tables (examples/), a logistic regression behind them for the answers, and the monitor's own code from the captured
lines to the judgement. Each window has a seed of its own and compares two samples that were drawn by it:

- *quiet, apart*: 65 % of the rows are the baseline, all others the window. Nothing is drawn twice.
- *quiet, drawn*: baseline and window are both drawn from all rows with replacement, so that windows can be large.
- *moved*: drawn alike, and then one shift is put into the window. The smallest window that finds it is told.

`million` reads a million captured rows and judges them, in a process of its own: seconds and peak memory.
"""

import argparse
import csv
import functools
import io
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from headgate.domain.baseline import Baseline
from headgate.domain.drift import Drift, judge_drift
from headgate.domain.spec import SpecColumn, TrainingSpec
from headgate.tables.captures import read_captures
from headgate.tables.engine import Limits, opened
from headgate.tables.observe import observe
from headgate_training.baseline import answers_of, features_of
from headgate_training.metrics import Outcome
from headgate_training.spec import Column, Spec
from headgate_training.table import Table

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
TABLES = {
    "healthcare_wdbc": "diagnosis",
    "finance_german_credit": "risk",
    "manufacturing_solder": "skips",
}
SIZES = (100, 200, 500, 1000, 2000)
BASELINE = 500
GOAL_ROWS, GOAL_SHARE, GOAL_SECONDS, GOAL_PEAK_MB = 2000, 0.01, 60, 512
COLUMNS = 20


@dataclass(frozen=True)
class Rows:
    """A public table, the spec that both sides know it by, and a model's answer to each row."""

    name: str
    frame: pd.DataFrame
    target: str
    score: np.ndarray

    @property
    def columns(self) -> list[tuple[str, str]]:
        features = self.frame.drop(columns=self.target)
        return [(name, "numeric" if kind.kind in "if" else "categorical") for name, kind in features.dtypes.items()]

    def baseline(self, rows: np.ndarray) -> Baseline:
        """The baseline of these rows."""
        return Baseline.parse(self.document(rows))

    def document(self, rows: np.ndarray) -> dict[str, Any]:
        """The baseline that training and evaluation would write of these rows."""
        columns = tuple(Column(name, kind) for name, kind in self.columns)  # type: ignore[arg-type]
        spec = Spec(self.target, "binary", ("no", "yes"), "yes", "auc", "maximize", 17, columns, (), None)
        drawn = self.frame.iloc[rows]
        numbers = drawn[[name for name, kind in self.columns if kind == "numeric"]].to_numpy(dtype=np.float64)
        texts = [drawn[name].astype(str).tolist() for name, kind in self.columns if kind != "numeric"]
        outcome = Outcome(np.zeros(len(rows)), np.column_stack([1 - self.score[rows], self.score[rows]]))
        more = {"answers": answers_of(outcome, spec), "quality": None, "importance": {}, "groups": {}}
        return features_of(Table(numbers, texts), spec) | more

    @property
    def spec(self) -> TrainingSpec:
        return TrainingSpec(
            target=self.target,
            task="binary",
            classes=["no", "yes"],
            positive="yes",
            metric="auc",
            direction="maximize",
            seed=17,
            columns=[SpecColumn(name=n, kind=k) for n, k in self.columns],  # type: ignore[arg-type]
        )


@functools.cache
def tables() -> list[Rows]:
    """All public tables with a logistic regression's answers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = []
    for name, target in TABLES.items():
        frame = pd.read_csv(EXAMPLES / f"{name}.csv", skipinitialspace=True)
        label = frame[target] > frame[target].median() if frame[target].dtype.kind in "if" else frame[target]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        encoded = pd.get_dummies(frame.drop(columns=target)).to_numpy(dtype=float)
        found.append(Rows(name, frame, target, model.fit(encoded, label).predict_proba(encoded)[:, 1]))
    return found


def judge(table: Rows, baseline: Baseline, frame: pd.DataFrame, score: np.ndarray) -> Drift:
    """Through everything: captured lines, the reader, the counts, the rules."""
    names = [name for name, _ in table.columns]
    with tempfile.TemporaryDirectory() as own:
        path = Path(own) / "captured.jsonl"
        path.write_text("".join(lines(names, frame[names].itertuples(index=False, name=None), score)))
        with opened(Path(own), Limits(threads=1, memory_mb=128)) as engine:
            read = read_captures(engine, [path], table.spec.columns)
            assert read.malformed == 0
            assert read.rows == len(frame)
            seen = observe(engine, baseline, table.spec)
    return judge_drift(baseline, seen.features, seen.answers)


def lines(names: list[str], rows: Iterator[tuple[Any, ...]], score: np.ndarray, at_once: int = 50) -> Iterator[str]:
    """Captured lines as SageMaker writes them, so many rows in each request."""
    pairs = zip(rows, score.tolist(), strict=True)
    while batch := list(itertools.islice(pairs, at_once)):
        asked = json.dumps({"instances": [dict(zip(names, row, strict=True)) for row, _ in batch]})
        told = [{"label": "yes" if p > 0.5 else "no", "probabilities": [1 - p, p]} for _, p in batch]
        sides = {"endpointInput": asked, "endpointOutput": json.dumps({"predictions": told})}
        data = {
            side: {
                "observedContentType": "application/json",
                "mode": side[8:].upper(),
                "data": body,
                "encoding": "JSON",
            }
            for side, body in sides.items()
        }
        about = {"eventId": "e", "inferenceTime": "2026-01-01T00:00:00Z"}
        yield json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"}) + "\n"


def quiet(windows: int) -> dict[str, Any]:
    """The share of windows without any shift of which something is said all the same; a process for each core."""
    said: Counter[str] = Counter()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for found in pool.map(_said_of, range(windows), chunksize=8):
            said.update(found)
    return {how: {"windows": windows, "said": said[how], "share": said[how] / windows} for how in ("apart", "drawn")}


def _said_of(seed: int) -> list[str]:
    """In which of the two ways of drawing something is said of a window that nothing was done to."""
    known, random = tables(), np.random.default_rng(seed)
    table = known[seed % len(known)]
    order = random.permutation(len(table.frame))
    cut = len(order) * 65 // 100
    drawn = random.integers(len(order), size=(2, 1000))
    said = []
    for how, before, now in (("apart", order[:cut], order[cut:]), ("drawn", drawn[0, :BASELINE], drawn[1])):
        drift = judge(table, table.baseline(before), table.frame.iloc[now], table.score[now])
        if drift.drifted or drift.answers.drifted or any(each.lacks for each in drift.features):
            said.append(how)
    return said


Shift = Callable[[pd.DataFrame, str, np.random.Generator], pd.DataFrame | None]


def half_a_deviation(frame: pd.DataFrame, column: str, _: np.random.Generator) -> pd.DataFrame | None:
    if frame[column].dtype.kind not in "if":
        return None
    return frame.assign(**{column: frame[column] + 0.5 * frame[column].std()})


def unit_of_a_thousandth(frame: pd.DataFrame, column: str, _: np.random.Generator) -> pd.DataFrame | None:
    return frame.assign(**{column: frame[column] * 1000}) if frame[column].dtype.kind in "if" else None


def category_gone(frame: pd.DataFrame, column: str, random: np.random.Generator) -> pd.DataFrame | None:
    """The second most frequent category of a column gives way to the others."""
    if frame[column].dtype.kind in "if" or frame[column].nunique() < 2:
        return None
    gone = frame[column].value_counts().index[1]
    others = frame[column][frame[column] != gone].to_numpy()
    is_gone = (frame[column] == gone).to_numpy()
    return frame.assign(**{column: np.where(is_gone, random.choice(others, len(frame)), frame[column])})


SHIFTS: dict[str, Shift] = {
    "mean + 0.5 sd": half_a_deviation,
    "unit x 1000": unit_of_a_thousandth,
    "a category vanished": category_gone,
}


def moved() -> dict[str, Any]:
    """Of each shift, in each column of each table: the rows that the smallest window has that finds it."""
    found: dict[str, dict[str, int | None]] = {name: {} for name in SHIFTS}
    for seed, table in enumerate(tables()):
        for column, _ in table.columns:
            for name, shift in SHIFTS.items():
                random = np.random.default_rng(seed)
                drawn = random.integers(len(table.frame), size=BASELINE + SIZES[-1])
                changed = shift(table.frame.iloc[drawn[BASELINE:]], column, random)
                if changed is not None:
                    baseline, score = table.baseline(drawn[:BASELINE]), table.score[drawn[BASELINE:]]
                    sizes = (
                        size for size in SIZES if column in _names(judge(table, baseline, changed[:size], score[:size]))
                    )
                    found[name][f"{table.name}: {column}"] = next(sizes, None)
    return {name: _summary(sizes) for name, sizes in found.items()}


def _names(drift: Drift) -> set[str]:
    return {each.name for each in drift.drifted}


def _summary(sizes: dict[str, int | None]) -> dict[str, Any]:
    known = [size for size in sizes.values() if size is not None]
    missed = sorted(name for name, size in sizes.items() if size is None)
    by_size = {str(size): sum(each <= size for each in known) for size in SIZES}
    return {"columns": len(sizes), "found_within": by_size, "missed": missed}


def million(rows: int) -> dict[str, Any]:
    """Read and judge so many captured rows of twenty columns, one row in each request, as JSON and as CSV with quotes
    around texts and without.
    """
    measured = {}
    for kind in ("json", "csv", "csv with quotes"):
        with tempfile.TemporaryDirectory() as folder:
            _generate(Path(folder), rows, kind)
            command = [sys.executable, "-m", "benchmarks.drift", "--read", folder]
            measured[kind] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return measured


def _generate(folder: Path, rows: int, kind: str) -> None:
    """Files of about a megabyte, fourteen measurements, three counts and three categories."""
    random = np.random.default_rng(17)
    pool = 20_000
    columns: dict[str, Any] = {f"measure_{number:02}": random.normal(size=pool).round(4) for number in range(14)}
    columns |= {f"count_{number}": random.integers(0, 50, pool) for number in range(3)}
    columns |= {f"category_{number}": random.choice(["red", "green", "blue"], pool) for number in range(3)}
    frame = pd.DataFrame(columns)
    table = Rows("made", frame.assign(y=0), "y", random.random(pool))
    assert len(table.columns) == COLUMNS
    made = list(lines(list(columns), frame.itertuples(index=False, name=None), table.score, at_once=1))
    if kind != "json":
        made = [_as_csv(line, quoted="quotes" in kind) for line in made]
    for number, start in enumerate(range(0, rows, 1000)):
        chosen = random.integers(pool, size=min(1000, rows - start))
        (folder / f"{number:05}.jsonl").write_text("".join(made[at] for at in chosen))
    (folder / "baseline.json").write_text(json.dumps(table.document(np.arange(10_000))))
    (folder / "spec.json").write_text(table.spec.model_dump_json())


def read(folder: Path) -> None:
    """Read and judge everything in a folder, and print what that took; the process is for this alone."""
    begun = time.perf_counter()
    baseline = Baseline.parse(json.loads((folder / "baseline.json").read_text()))
    spec = TrainingSpec.model_validate_json((folder / "spec.json").read_text())
    with opened(folder, Limits()) as engine:
        found = read_captures(engine, sorted(folder.glob("[0-9]*.jsonl")), spec.columns)
        seen = observe(engine, baseline, spec)
    drift = judge_drift(baseline, seen.features, seen.answers)
    seconds = time.perf_counter() - begun
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(
        json.dumps(
            {
                "rows": found.rows,
                "malformed": found.malformed,
                "drifted": len(drift.drifted),
                "seconds": round(seconds, 1),
                "cpu_seconds": round(time.process_time(), 1),
                "peak_mb": int(peak.split()[1]) // 1024,
            }
        )
    )


def main() -> int:
    """Run everything; 0 when the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read(arguments.read)
        return 0
    shifts = moved()
    silent = quiet(arguments.windows)
    large = million(arguments.rows)
    goals = {
        f"every shift within {GOAL_ROWS} rows": not any(each["missed"] for each in shifts.values()),
        f"something said of at most {GOAL_SHARE:.0%} of quiet windows": all(
            each["share"] <= GOAL_SHARE for each in silent.values()
        ),
        f"{arguments.rows} rows within {GOAL_SECONDS} s and {GOAL_PEAK_MB} MB": all(
            each["seconds"] <= GOAL_SECONDS and each["peak_mb"] <= GOAL_PEAK_MB for each in large.values()
        ),
    }
    result = {"moved": shifts, "quiet": silent, "million": large, "goals": goals}
    print(json.dumps(result, indent=1) if arguments.json else _text(result))
    return 0 if all(goals.values()) else 1


def _text(result: dict[str, Any]) -> str:
    lines_ = []
    for name, found in result["moved"].items():
        within = ", ".join(f"{count} by {size} rows" for size, count in found["found_within"].items())
        lines_.append(f"{name}: {found['columns']} columns; found {within}; missed: {found['missed'] or 'none'}")
    for how, said in result["quiet"].items():
        lines_.append(f"quiet, {how}: something said of {said['said']} of {said['windows']} windows")
    for kind, took in result["million"].items():
        lines_.append(f"{took['rows']} rows as {kind}: {took['seconds']} s, {took['peak_mb']} MB at most")
    return "\n".join([*lines_, *(f"{'met' if met else 'MISSED'}: {goal}" for goal, met in result["goals"].items())])


def _as_csv(line: str, *, quoted: bool) -> str:
    document = json.loads(line)
    asked = document["captureData"]["endpointInput"]
    rows = json.loads(asked["data"])["instances"]
    body = io.StringIO()
    csv.writer(body, quoting=csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL).writerows(map(dict.values, rows))
    asked |= {"data": body.getvalue(), "observedContentType": "text/csv", "encoding": "CSV"}
    return json.dumps(document) + "\n"


if __name__ == "__main__":
    sys.exit(main())
