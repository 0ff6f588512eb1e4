"""The demonstration: three public datasets and a damaged file go to the gate at once, and the story is told."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.names import Project
from headgate_cli import dropping, local_cloud
from headgate_cli.connection import Cloud, connect
from headgate_cli.errors import UnreachableError, UsageError
from headgate_cli.following import Progress, utc_now
from headgate_cli.output import Output
from headgate_cli.planning import plan
from headgate_cli.prediction import predict
from headgate_cli.rows import Row, read_rows
from headgate_cli.runs import Artifacts, RunRef
from headgate_cli.stages import seconds_by_stage
from headgate_cli.story import Road, Story, choices_of, measure_of, sample_of, stretches_of

SAMPLES = {
    "healthcare": "healthcare_wdbc.csv",
    "finance": "finance_german_credit.csv",
    "manufacturing": "manufacturing_solder.csv",
    "damaged": "damaged_solder.csv",
}
"""The projects of the demonstration and their files in `examples/`."""

TENANT = "demo"
_ROWS_TO_ASK = 5


@dataclass(frozen=True, slots=True)
class Told:
    """What came of the demonstration: the story, and every run as `drop --wait` gives it, with its predictions."""

    story: Story
    documents: tuple[dict[str, Any], ...]


def examples() -> Path:
    """Where the example files lie: in the repository that this command was installed from.

    Raises:
        UsageError: when the command was installed without it.
    """
    folder = Path(__file__).resolve().parents[2] / "examples"
    missing = [name for name in SAMPLES.values() if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            f"The example files are not at {folder}. Run the demonstration from a clone of the repository."
        )
    return folder


@contextmanager
def some_cloud(*, keep: bool, out: Output) -> Iterator[tuple[Cloud, bool]]:
    """The local cloud that runs, or one that is started for the occasion and stopped at the end unless kept.

    Yields:
        The cloud, and whether it was started here.
    """
    try:
        yield connect(None), False
        return
    except UnreachableError:
        out.note("Starting a local cloud ...")
    local_cloud.start()
    try:
        yield connect(None), True
    finally:
        if not keep:
            out.note("Stopping the local cloud ...")
            local_cloud.stop(purge=False)


def tell(cloud: Cloud, folder: Path, timeout: float, out: Output) -> Told:
    """Drop everything at once, wait for every outcome, and ask each endpoint that serves."""
    began = time.monotonic()
    refs = [_drop(cloud, Project(TENANT, name), folder / file, out) for name, file in SAMPLES.items()]
    ended = dropping.wait(cloud, refs, timeout, out)
    seconds = time.monotonic() - began
    roads, documents = [], []
    for progress in ended:
        path = folder / SAMPLES[progress.ref.project.name]
        document = dropping.document(cloud, progress)
        rows = _some_rows(path) if document["endpoint"] else []
        answers = predict(cloud, progress.ref.project, rows, lambda _: None) if rows else {"predictions": []}
        roads.append(_road(cloud, progress, path.name, rows, answers))
        documents.append(document | {"predictions": answers["predictions"]})
    return Told(Story(cloud.title, utc_now(), seconds, tuple(roads)), tuple(documents))


def _some_rows(path: Path) -> list[Row]:
    """A few rows from all over the file: files are often sorted by what is to be predicted."""
    rows = list(read_rows(path))
    return rows[:: max(1, len(rows) // _ROWS_TO_ASK)][:_ROWS_TO_ASK]


def _drop(cloud: Cloud, project: Project, file: Path, out: Output) -> RunRef:
    return dropping.drop(cloud, project, plan(project, [file], utc_now()), {}, out)


def _road(cloud: Cloud, progress: Progress, file: str, rows: Sequence[Row], answers: Mapping[str, Any]) -> Road:
    run, ref = progress.record, progress.ref
    assert run is not None
    report = Artifacts(cloud).report(ref) or {}
    spec = Artifacts(cloud).spec(ref) or {}
    return Road(
        project=ref.project.name,
        file=file,
        run=ref.run,
        outcome=progress.outcome or "",
        reason_code=run.reason_code or "",
        reason=run.reason or "",
        stretches=stretches_of(progress.stages, progress.outcome or ""),
        seconds=sum(seconds_by_stage(progress.stages, utc_now()).values()),
        rows=report.get("rows"),
        columns=report.get("columns"),
        task=spec.get("task"),
        target=spec.get("target"),
        version=answers.get("version"),
        endpoint=answers.get("endpoint"),
        measure=measure_of(run.metrics),
        sample=sample_of(rows, answers["predictions"], spec.get("target")) if rows else None,
        choices=choices_of(report),
    )
