"""Factories for datasets, trained models and evaluations. A model is trained once for each set of options."""

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from headgate_training.settings import Settings
from headgate_training.training import Places, train

EXAMPLES = Path(__file__).parents[3] / "examples"
PARTS = {"train": (0, 65), "validation": (65, 80), "test": (80, 100)}


@dataclass(frozen=True)
class Example:
    file: str
    target: str
    task: str
    positive: str | None = None


EXAMPLE_SETS = {
    "healthcare": Example("healthcare_wdbc.csv", "diagnosis", "binary", "malignant"),
    "finance": Example("finance_german_credit.csv", "risk", "binary", "bad"),
    "manufacturing": Example("manufacturing_solder.csv", "skips", "regression"),
}


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


def run_job(folder: Path, query: str, spec: dict[str, object], **settings: object) -> Job:
    """Split the rows of a duckdb query by hash, write the channels and train on them."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE data AS SELECT row_number() OVER () AS n, * FROM ({query})")
        for part, (low, high) in PARTS.items():
            (folder / part).mkdir(parents=True)
            connection.execute(
                f"COPY (SELECT * EXCLUDE n FROM data WHERE hash(n) % 100 >= {low} AND hash(n) % 100 < {high})"
                f" TO '{folder / part / part}.parquet'"
            )
    write_spec(folder / "spec", spec)
    places = Places(folder / "train", folder / "validation", folder / "spec", folder / "model", folder / "output")
    return Job(places, train(places, Settings(**settings)), folder / "test")


@pytest.fixture(scope="session")
def train_example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Job]:
    """Trains on one of the three real datasets with default settings; once for each."""
    jobs: dict[str, Job] = {}

    def run(name: str) -> Job:
        if name not in jobs:
            example = EXAMPLE_SETS[name]
            source = f"read_csv('{EXAMPLES / example.file}')"
            with duckdb.connect() as connection:
                described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
                classes = connection.execute(f"SELECT DISTINCT {example.target} FROM {source} ORDER BY 1").fetchall()
            kinds = {column: "categorical" if kind == "VARCHAR" else "numeric" for column, kind, *_ in described}
            is_number = example.task == "regression"
            target_kind = kinds.pop(example.target)
            assert (target_kind == "numeric") == is_number
            spec = make_spec(
                kinds,
                example.target,
                example.task,
                classes=None if is_number else [name for (name,) in classes],
                positive=example.positive,
            )
            casts = [
                f'CAST("{column}" AS {"DOUBLE" if kind == "numeric" else "VARCHAR"}) AS "{column}"'
                for column, kind in (kinds | {example.target: target_kind}).items()
            ]
            folder = tmp_path_factory.mktemp(name)
            jobs[name] = run_job(folder, f"SELECT {', '.join(casts)} FROM {source}", spec)
        return jobs[name]

    return run


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


@pytest.fixture(scope="session")
def mixed_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Three classes, columns of all kinds with names that no Python argument may have, missing values."""
    spec = make_spec(MIXED_COLUMNS, "outcome", "multiclass", classes=["never", "often", "seldom"])
    return run_job(tmp_path_factory.mktemp("mixed"), MIXED_QUERY, spec, epochs=30)


@pytest.fixture
def make_archive(tmp_path: Path) -> Callable[[Job], Path]:
    """Packs a job's model as SageMaker does."""

    def pack(job: Job) -> Path:
        archive = tmp_path / "packed" / "model.tar.gz"
        archive.parent.mkdir(exist_ok=True)
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(job.places.model, arcname=".")
        return archive

    return pack


@pytest.fixture
def make_processing_root(tmp_path: Path, make_archive: Callable[[Job], Path]) -> Callable[..., Path]:
    """Lays out /opt/ml/processing for a challenger and perhaps a champion."""

    def lay_out(challenger: Job, champion: Job | None = None) -> Path:
        root = tmp_path / "processing"
        shutil.copytree(challenger.test, root / "input" / "holdout")
        for role, job in {"challenger": challenger, "champion": champion}.items():
            if job:
                (root / "input" / role).mkdir()
                shutil.copy(make_archive(job), root / "input" / role)
        return root

    return lay_out
