"""Records of experiments: gathered from a run's jobs and what they wrote, kept beside the run's artifacts.

A record is for people; a run ends the same without one. What cannot be read is left out, and a record is the same
however often it is written.
"""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Jobs
from headgate.aws.searches import Searches
from headgate.domain.errors import HeadgateError, TransientError
from headgate.domain.experiment import Expense, JobFacts, experiment_record, training_expense
from headgate.domain.names import Project, tuning_job_name, validation_job
from headgate.domain.runs import Run

MAX_BYTES = 8 * 1024**2
"""Of the archive with a job's metrics, and of the metrics in it."""

Trials = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Experiments:
    """Writes records of runs into the artifact bucket."""

    jobs: Jobs
    searches: Searches
    objects: Objects
    artifact_bucket: str

    def record(self, run: Run) -> dict[str, Any]:
        """Write the record of a run that has ended, and return it. Can be repeated."""
        own = self.jobs.training(run.run)
        trials = [] if own else self.searches.trials(tuning_job_name(run.run))
        best = (run.metrics.get("tuning") or {}).get("best") or {}
        job = own or (self.jobs.training(str(best["training_job"])) if best else None)
        expenses = list(self._expenses(run, own, trials, job))
        document = experiment_record(run, job, expenses, self._metrics(job))
        folder = Project(run.tenant, run.project).run_folder(run.run)
        self.objects.put_json(self.artifact_bucket, f"{folder}experiment.json", document)
        return document

    def _expenses(self, run: Run, own: JobFacts | None, trials: Trials, job: JobFacts | None) -> Iterator[Expense]:
        if (own or trials) and (validation := self.jobs.processing(validation_job(run.run), "validation")):
            yield validation
        if own:
            yield training_expense(own)
        if trials:
            like = job or self.jobs.training(str(trials[0]["TrainingJobName"]))
            yield _search_expense(trials, like)
        if (own or trials) and (evaluation := self.jobs.processing(run.run, "evaluation")):
            yield evaluation

    def _metrics(self, job: JobFacts | None) -> dict[str, Any] | None:
        root = f"s3://{self.artifact_bucket}/"
        if job is None or not job.model_data_url or not job.model_data_url.startswith(root):
            return None
        key = job.model_data_url.removeprefix(root).rpartition("/")[0] + "/output.tar.gz"
        try:
            body, _ = self.objects.get_newest(self.artifact_bucket, key, limit=MAX_BYTES)
            with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
                file = archive.extractfile("metrics.json")
                document = json.loads(file.read(MAX_BYTES)) if file else None
        except TransientError:
            raise
        except Exception:  # an archive of any content, or S3's refusal where there is none
            return None
        return document if isinstance(document, dict) else None


def recorded_cost(objects: Objects, bucket: str, project: Project, run: str) -> float | None:
    """What a run came to by its record, in USD; None where there is none, or it does not know."""
    try:
        body, _ = objects.get_newest(bucket, f"{project.run_folder(run)}experiment.json", limit=MAX_BYTES)
        usd = json.loads(body)["cost"]["estimated_usd"]
    except (HeadgateError, ValueError, KeyError, TypeError):  # a message goes out without it
        return None
    return float(usd) if usd is not None else None


def _search_expense(trials: Trials, like: JobFacts | None) -> Expense:
    """All trials by their times: summaries do not say what was billed. They have the machines of any one of them."""
    lasted = 0.0
    for trial in trials:
        begun, ended = trial.get("TrainingStartTime"), trial.get("TrainingEndTime")
        if begun and ended:  # one that was stopped before it began costs nothing
            lasted += (ended - begun).total_seconds()
    if like is None:
        return Expense("search", len(trials), "", None, "lasted")
    return Expense("search", len(trials), like.instance_type, lasted * like.instance_count, "lasted")
