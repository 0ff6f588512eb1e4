"""Training jobs for tests: a query for the rows, a spec, and the folders that SageMaker would give."""

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

from headgate_training import families
from headgate_training.families import FAMILIES
from headgate_training.settings import Settings
from headgate_training.training import Places, train

FOLDER = Path(families.__file__).parent
OF_GRIDS = {name for name in FAMILIES if "needs" in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))}
"""The families that a table of plain columns is nothing for."""
PARTS = {"train": (0, 65), "validation": (65, 80), "test": (80, 100)}

MIXED_COLUMNS = {
    "mean radius (µm)": "numeric",
    "50% a+b/c": "numeric",
    "ward 😀": "categorical",
    "smoker?": "boolean",
    "admitted": "datetime",
}
MIXED_QUERY = """
    SELECT
        CASE WHEN i % 7 = 0 THEN NULL ELSE (hash(i) % 1000) / 100.0 END::DOUBLE AS "mean radius (µm)",
        exp((hash(i + 1000) % 1000) / 100.0)::DOUBLE AS "50% a+b/c",
        CASE WHEN i % 11 = 0 THEN NULL ELSE 'B' || (hash(i + 2000) % 4) END AS "ward 😀",
        CASE WHEN i % 3 = 0 THEN 'true' ELSE 'false' END AS "smoker?",
        CASE WHEN i % 5 = 0 THEN NULL
             ELSE strftime(TIMESTAMP '2020-01-01' + to_hours(CAST(hash(i + 3000) % 40000 AS BIGINT)),
                           '%Y-%m-%dT%H:%M:%S') END AS "admitted",
        CASE WHEN i % 3 = 0 THEN 'often' WHEN hash(i + 2000) % 4 < 2 THEN 'seldom' ELSE 'never' END AS "outcome"
    FROM range(400) rows(i)
"""


STEPS = [f"{channel}[{step}]" for step in range(-5, 0) for channel in ("y", "load")]
PIXELS = [f"p{number}" for number in range(18)]
KINDS_QUERY = f"""
    SELECT {", ".join(f'((hash(i, {n}) % 1000) / 100.0 + i % 7)::DOUBLE AS "{name}"' for n, name in enumerate(STEPS))},
        {", ".join(f'(hash(i, {n + 50}) % 256)::DOUBLE AS "{name}"' for n, name in enumerate(PIXELS))},
        'shop ' || (i % 80)::VARCHAR AS shop,
        CASE WHEN i % 9 = 0 THEN NULL
            WHEN i % 2 = 0 THEN 'Very good, WIRKLICH gut' ELSE 'bad \U0001f600 and ugly' END AS note,
        (hash(i, 99) % 50 + i % 7 + CASE WHEN i % 2 = 0 THEN 100 ELSE 0 END)::DOUBLE AS "y"
    FROM range(500) rows(i)
"""
KINDS_COLUMNS = dict.fromkeys([*STEPS, *PIXELS], "numeric") | {"shop": "categorical", "note": "text"}
KINDS_GRIDS = [
    {"name": "past", "kind": "sequence", "shape": [5, 2], "columns": STEPS},
    {"name": "photo", "kind": "image", "shape": [3, 3, 2], "columns": PIXELS},
]
"""Images, sequences, texts and many categories."""


def make_spec(columns: dict[str, str], target: str, task: str, **changes: object) -> dict[str, object]:
    """A spec.json as the core writes it; ``columns`` maps names to kinds."""
    metric = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}[task]
    spec: dict[str, object] = {
        "format": 1,
        "target": target,
        "task": task,
        "classes": None,
        "positive": None,
        "metric": metric,
        "direction": "minimize" if metric == "rmse" else "maximize",
        "seed": 17,
        "columns": [{"name": name, "kind": kind} for name, kind in columns.items()],
    }
    return spec | changes


def write_spec(folder: Path, spec: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Job:
    """What a training job was given and what it wrote."""

    places: Places
    metrics: dict
    test: Path

    @property
    def version(self) -> Path:
        return self.places.model / "1"


def write_parts(folder: Path, query: str) -> None:
    """Split the rows of a duckdb query by hash into the folders of a training job."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE data AS SELECT row_number() OVER () AS n, * FROM ({query})")
        for part, (low, high) in PARTS.items():
            (folder / part).mkdir(parents=True)
            connection.execute(
                f"COPY (SELECT * EXCLUDE n FROM data WHERE hash(n) % 100 >= {low} AND hash(n) % 100 < {high})"
                f" TO '{folder / part / part}.parquet'"
            )


def run_job(folder: Path, query: str, spec: dict[str, object], **settings: object) -> Job:
    """Write the channels of a training job with the rows of a duckdb query, and train on them."""
    write_parts(folder, query)
    write_spec(folder / "spec", spec)
    places = Places(folder / "train", folder / "validation", folder / "spec", folder / "model", folder / "output")
    return Job(places, train(places, Settings(**settings)), folder / "test")
