"""Factories for datasets, trained models and evaluations. A model is trained once for each set of options."""

import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pytest

from .jobs import KINDS_COLUMNS, KINDS_GRIDS, KINDS_QUERY, MIXED_COLUMNS, MIXED_QUERY, Job, make_spec, run_job

EXAMPLES = Path(__file__).parents[3] / "examples"


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
            jobs[name] = _with_every_format(folder, f"SELECT {', '.join(casts)} FROM {source}", spec)
        return jobs[name]

    return run


@pytest.fixture(scope="session")
def mixed_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Three classes, columns of all kinds with names that no Python argument may have, missing values."""
    spec = make_spec(MIXED_COLUMNS, "outcome", "multiclass", classes=["never", "often", "seldom"])
    return _with_every_format(tmp_path_factory.mktemp("mixed"), MIXED_QUERY, spec, epochs=30)


@pytest.fixture(scope="session")
def transformer_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The same data, and a transformer."""
    spec = make_spec(MIXED_COLUMNS, "outcome", "multiclass", classes=["never", "often", "seldom"])
    folder = tmp_path_factory.mktemp("transformer")
    return run_job(folder, MIXED_QUERY, spec, family="transformer", epochs=12, hidden_units=16)


@pytest.fixture(scope="session")
def kinds_job(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Job]:
    """Trains a family on images, sequences, texts and many categories; once for each."""

    @cache
    def run(family: str) -> Job:
        spec = make_spec(KINDS_COLUMNS, "y", "regression", grids=KINDS_GRIDS, family=family)
        folder = tmp_path_factory.mktemp(family)
        return run_job(folder, KINDS_QUERY, spec, epochs=8, members=2, hidden_units=8, layers=1, learning_rate=0.01)

    return run


def _with_every_format(folder: Path, query: str, spec: dict[str, object], **settings: object) -> Job:
    """A job whose network is converted, quick as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headgate_training.compression.LEAST_MICROSECONDS", 0.0)
        return run_job(folder, query, spec, **settings)


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
