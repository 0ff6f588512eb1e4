"""How much memory a training takes, beside what `headgate.domain.machines` reckons with.

    python -m benchmarks.training_memory [--json]

Each training is one epoch of one network in a fresh process, on a table made up beside it; memory is the peak of that
process. A machine is chosen by the reckoning, so it has to be more than what was measured, and not by much.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from headgate.domain.machines import training_memory

CASES = [
    (100_000, "numeric", 20, 0), (400_000, "numeric", 20, 0), (1_200_000, "numeric", 20, 0),
    (200_000, "categorical", 20, 3), (400_000, "categorical", 20, 3),
    (200_000, "categorical", 20, 20), (600_000, "categorical", 20, 20),
    (200_000, "categorical", 20, 200), (400_000, "categorical", 20, 200),
    (100_000, "text", 2, 2000), (300_000, "text", 2, 2000),
]  # fmt: skip
"""Rows, what the columns hold, how many there are, and of how many categories or words."""
SHARES = {"train": (0.0, 0.65), "validation": (0.65, 0.8), "test": (0.8, 1.0)}
WORDS = 12
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from headgate_training.settings import Settings
from headgate_training.training import Places, train
at = Path(sys.argv[1])
places = Places(at / "train", at / "validation", at / "spec", at / "model", at / "output")
train(places, Settings(epochs=1, members=1, seed=1))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
"""What is measured; a child's own peak, for what Python tells of children counts their parent's too."""


def table(rows: int, kind: str, columns: int, values: int) -> pd.DataFrame:
    """A table of columns of one kind, and a target that they tell nothing of."""
    rng = np.random.default_rng(1)
    words = np.array([f"word{number}" for number in range(max(1, values))])
    made: dict[str, object] = {}
    for column in range(columns):
        match kind:
            case "numeric":
                made[f"c{column}"] = rng.normal(size=rows)
            case "categorical":
                made[f"c{column}"] = words[rng.integers(0, values, rows)]
            case _:
                made[f"c{column}"] = [" ".join(each) for each in words[rng.integers(0, values, (rows, WORDS))]]
    return pd.DataFrame(made | {"y": np.where(rng.random(rows) < 0.5, "a", "b")})


def measured(rows: int, kind: str, columns: int, values: int) -> float:
    """The peak of a training on such a table, in GB."""
    with tempfile.TemporaryDirectory() as name:
        at, frame = Path(name), table(rows, kind, columns, values)
        for part, (begin, end) in SHARES.items():
            (at / part).mkdir()
            frame[int(rows * begin) : int(rows * end)].to_parquet(at / part / f"{part}.parquet", index=False)
        (at / "spec").mkdir()
        spec = {
            "format": 1, "target": "y", "task": "binary", "classes": ["a", "b"], "positive": "a", "metric": "auc",
            "direction": "maximize", "seed": 1,
            "columns": [{"name": f"c{number}", "kind": kind} for number in range(columns)],
        }  # fmt: skip
        (at / "spec" / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        code = Path(__file__).resolve().parents[1] / "training"
        child = [sys.executable, "-c", CHILD, name, str(code)]
        said = subprocess.run(child, capture_output=True, text=True, check=True).stdout
    return int(said.split()[-1]) / 1e6


def main() -> None:
    """Measure every case; Linux only."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_memory")
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    found = []
    for rows, kind, columns, values in CASES:
        reckoned = training_memory(rows, [(kind, values if kind == "categorical" else rows)] * columns)
        peak = measured(rows, kind, columns, values)
        found.append({"rows": rows, "kind": kind, "columns": columns, "values": values, "peak": peak, "gb": reckoned})
        if not as_json:
            of = f" of {values}" if values else ""
            print(f"{rows:>9,} rows, {columns:>2} {kind}{of}: {peak:.1f} GB, reckoned {reckoned:.1f}", flush=True)
    if as_json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
