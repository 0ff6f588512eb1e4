"""Validation: rows a second and peak memory on one CSV table, beside the tools that profile tables.

    python -m benchmarks.validation [--json] [--rows N] [--rounds N]

Every measurement is a fresh process that did the same with a small table first, so that nobody's imports are counted:
`benchmarks.cold_start` measures ours. The contestants take turns, so that a busy machine slows all.
`headgate, verdict` is what validates: byte checks, reading, profile, inference, leakage; from the upload to the answer
whether it is fit to train on. The goal is its: no peer comes to a verdict, and none writes anything.
`headgate` goes on to what training needs: the same, and the split as three Parquet files.
`headgate, profile only` ends after the profile, which is the work that the peers are given: missing and distinct
values, minimum, maximum and mean of every column. All three rest on a typed file that is written on the way.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

COLUMNS = 20
GOAL_RATIO, GOAL_PEAK_MB = 0.59, 400  # a million rows a second where polars reads and profiles 1.7 million
SMALL_ROWS = 2_000


def generate(path: Path, rows: int) -> None:
    """Write a table of fourteen measurements, three counts, two categories and a label of two classes."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng(17)
    columns: dict[str, Any] = {f"measure_{number:02}": random.normal(size=rows).round(4) for number in range(14)}
    columns |= {f"count_{number}": random.integers(0, 50, rows) for number in range(3)}
    columns |= {f"category_{number}": random.choice(["red", "green", "blue"], rows) for number in range(2)}
    noisy = columns["measure_00"] + columns["measure_01"] + random.normal(size=rows)
    columns["target"] = np.where(noisy > 0, "yes", "no")
    assert len(columns) == COLUMNS
    pl.DataFrame(columns).write_csv(path)


def headgate(path: Path) -> None:
    _examined(path)


def headgate_verdict(path: Path) -> float:
    """The whole step; gives when the verdict was known, by the clock, before parts are written and files removed."""
    return _examined(path)


def _examined(path: Path) -> float:
    from headgate.domain.findings import Findings
    from headgate.domain.project import ProjectSettings
    from headgate.tables.engine import Limits, opened
    from headgate.tables.examine import examine
    from headgate.tables.intake import save

    with tempfile.TemporaryDirectory(dir=path.parent) as folder, opened(Path(folder), Limits()) as engine:
        copy = Path(folder) / "part"
        kind = save(_blocks(path), copy)
        assert kind is not None
        findings = Findings()
        examine(engine, [copy], kind, ProjectSettings(), None, findings)
        return time.perf_counter() - findings.seconds["split"]


def headgate_profile(path: Path) -> None:
    from headgate.tables.engine import Limits, opened
    from headgate.tables.intake import save
    from headgate.tables.load import load
    from headgate.tables.measure import measure

    with tempfile.TemporaryDirectory(dir=path.parent) as folder, opened(Path(folder), Limits()) as engine:
        copy = Path(folder) / "part"
        kind = save(_blocks(path), copy)
        assert kind is not None
        measure(engine, load(engine, [copy], kind))


def polars_streaming(path: Path) -> None:
    import polars as pl

    table = pl.scan_csv(path)
    numbers = [name for name, kind in table.collect_schema().items() if kind.is_numeric()]
    facts = [pl.all().null_count().name.prefix("missing_"), pl.all().n_unique().name.prefix("distinct_")]
    facts += [getattr(pl.col(numbers), fact)().name.prefix(f"{fact}_") for fact in ("min", "max", "mean", "std")]
    table.select(facts).collect(engine="streaming")


def duckdb_summarize(path: Path) -> None:
    import duckdb

    duckdb.execute("SET threads = 2")
    duckdb.execute(f"SUMMARIZE SELECT * FROM read_csv('{path}')").fetchall()


def pandas_describe(path: Path) -> None:
    import pandas as pd

    table = pd.read_csv(path)
    table.describe(include="all")
    table.isna().sum()
    table.nunique()


def pandera_pandas(path: Path) -> None:
    import pandas as pd
    import pandera.pandas as pa

    table = pd.read_csv(path)
    label = pa.Column(str, pa.Check.isin(["yes", "no"]))
    columns = {name: label if name == "target" else pa.Column(nullable=True) for name in table.columns}
    pa.DataFrameSchema(columns).validate(table)
    table.describe(include="all")
    table.nunique()


CONTESTANTS: dict[str, Callable[[Path], Any]] = {
    "headgate": headgate,
    "headgate, verdict": headgate_verdict,
    "headgate, profile only": headgate_profile,
    "polars, streaming": polars_streaming,
    "duckdb SUMMARIZE": duckdb_summarize,
    "pandas": pandas_describe,
    "pandera and pandas": pandera_pandas,
}


def _blocks(path: Path) -> Iterator[bytes]:
    from headgate.tables.intake import BLOCK_BYTES

    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def alone(name: str, path: Path) -> None:
    """Run one contestant in this process; print its seconds and its peak memory."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        small = Path(folder) / "small.csv"
        with path.open("rb") as whole:
            small.write_bytes(b"".join(islice(whole, SMALL_ROWS)))
        CONTESTANTS[name](small)
    begun = time.perf_counter()
    ended = CONTESTANTS[name](path) or time.perf_counter()
    # Not ru_maxrss: it begins with the size of the process that started this one.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({"seconds": ended - begun, "peak_mb": int(line.split()[1]) / 1024}))


def measure_all(path: Path, rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds: seconds, peak megabytes, rows a second, and the ratio of these to polars'."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        for name, results in taken.items():
            command = [sys.executable, "-m", "benchmarks.validation", "--alone", name, str(path)]
            os.sync()  # what the one before left to be written is not the next one's to pay for
            results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    medians = {
        name: {fact: statistics.median(result[fact] for result in results) for fact in ("seconds", "peak_mb")}
        for name, results in taken.items()
    }
    peer = medians["polars, streaming"]["seconds"]
    return {
        name: {**facts, "rows_per_second": rows / facts["seconds"], "ratio": peer / facts["seconds"]}
        for name, facts in medians.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", nargs=2, metavar=("CONTESTANT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(options.alone[0], Path(options.alone[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        generate(path, options.rows)
        measured = measure_all(path, options.rows, options.rounds)
        megabytes = path.stat().st_size / 1e6
    if options.json:
        print(json.dumps(measured))
        return
    print(f"{options.rows:,} rows x {COLUMNS} columns, {megabytes:.0f} MB")
    print(f"{'what':26}{'seconds':>9}{'rows/s':>12}{'x polars':>10}{'peak MB':>9}")
    for name, facts in measured.items():
        print(
            f"{name:26}{facts['seconds']:9.2f}{facts['rows_per_second']:12,.0f}"
            f"{facts['ratio']:10.2f}{facts['peak_mb']:9.0f}"
        )
    print(f"goal: {GOAL_RATIO} x polars in at most {GOAL_PEAK_MB} MB")


if __name__ == "__main__":
    main()
