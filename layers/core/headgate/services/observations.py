"""Windows that are too large for a function: what machines are asked to observe, and what they found, together.

The files of a window are dealt out to the machines, which count them as a function does; the counts add up. A window is
given out to machines again when they fail, up to a bound, and each time under a name of its own, so that whoever looks
meanwhile finds out that somebody is on it. What they are asked is written once for each time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.aws.stepfunctions import OVER, Executions
from headgate.domain.baseline import Baseline
from headgate.domain.encryption import volume_key
from headgate.domain.errors import IncompleteObservationError
from headgate.domain.machines import machines_for
from headgate.domain.names import Project
from headgate.domain.observed import (
    ANSWERS,
    SHARDS,
    CaptureCounts,
    Observation,
    Observed,
    captured_together,
    observed_together,
)
from headgate.domain.spec import TrainingSpec
from headgate.domain.window import File
from headgate.services.monitor import Monitor
from headgate.services.window_judgement import Work
from headgate.tables.engine import Engine
from headgate.tables.labelled import put_together

TIMES = 3
"""How often machines are asked for one window; after that a function reads of it what it can."""


@dataclass(frozen=True, slots=True)
class Found:
    """What machines found in the files of a window, and what they were told."""

    files: Sequence[File]
    spec: TrainingSpec
    baseline: Baseline
    captured: CaptureCounts
    seen: Observed


def have_observed(
    work: Work,
    files: Sequence[File],
    spec: TrainingSpec,
    baseline: Mapping[str, Any],
    monitor: Monitor,
    executions: Executions,
) -> bool:
    """Have machines observe these files as the window of this work, or leave it to those who do already.

    Returns:
        False when they failed too often: then a function has to read what it can.
    """
    for time in range(1, TIMES + 1):
        observation = Observation(work.release.sequence, work.number, time)
        status = executions.status(observation.name(work.project))
        if status is None:
            asked = {
                "files": [asdict(file) for file in files],
                "folder": work.project.captured(work.release.name),
                "spec": spec.model_dump(),
                "baseline": baseline,
                "machines": asdict(machines_for([file.size for file in files], monitor.function_bytes)),
            }
            _ask(observation, work.project, asked, monitor, executions)
            return True
        if status not in OVER:
            return True
    return False


def _ask(
    observation: Observation, project: Project, asked: dict[str, Any], monitor: Monitor, executions: Executions
) -> None:
    """Lay out what machines need, and start; the first word on which files they are stands."""
    bucket, place = monitor.artifact_bucket, observation.place(project)
    if not monitor.objects.put_new(bucket, f"{place}request.json", json.dumps(asked).encode(), "application/json"):
        asked = monitor.objects.get_json(bucket, f"{place}request.json")
    names = [each["key"].removeprefix(asked["folder"]) for each in asked["files"]]
    monitor.objects.put_json(bucket, f"{place}files.json", [{"prefix": f"s3://{bucket}/{asked['folder']}"}, *names])
    given = {
        "tenant": project.tenant,
        "project": project.name,
        "place": f"s3://{bucket}/{place.rstrip('/')}",
        "job": observation.name(project),
        "machines": asked["machines"],
        "key": (key := monitor.key()),
        "volume_key": volume_key(key, asked["machines"]["instance_type"]),
        **asdict(observation),
    }
    executions.start(observation.name(project), given)


def brought_together(project: Project, observation: Observation, monitor: Monitor, engine: Engine) -> Found:
    """What all machines found; their answers lie in the engine's directory as answers.parquet then.

    Raises:
        IncompleteObservationError: when one of them told nothing.
    """
    bucket, place = monitor.artifact_bucket, observation.place(project)
    asked = monitor.objects.get_json(bucket, f"{place}request.json")
    keys = [file.key for file in monitor.objects.files(bucket, place)]
    shards = [monitor.objects.get_json(bucket, key) for key in keys if key.startswith(place + SHARDS)]
    answers = [key for key in keys if key.startswith(place + ANSWERS)]
    expected = asked["machines"]["instance_count"]
    if (len(shards), len(answers)) != (expected, expected):
        raise IncompleteObservationError(observation.name(project), len(shards), expected)
    folder = engine.workdir
    paths = [monitor.fetch(key, folder / f"{number}.parquet") for number, key in enumerate(answers)]
    put_together(engine, paths, folder / "answers.parquet")
    for path in paths:
        path.unlink()
    return Found(
        [File(**file) for file in asked["files"]],
        TrainingSpec.model_validate(asked["spec"]),
        Baseline.parse(asked["baseline"]),
        captured_together([CaptureCounts(**shard["captured"]) for shard in shards]),
        observed_together([Observed.parse(shard["observed"]) for shard in shards]),
    )
