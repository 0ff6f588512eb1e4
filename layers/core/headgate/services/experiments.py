"""Records of experiments: gathered from a run's training job and what it wrote, kept beside the run's artifacts.

A record is for people; a run ends the same without one. What cannot be read is left out, and a record is the same
however often it is written.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Jobs
from headgate.domain.experiment import JobFacts, experiment_record
from headgate.domain.names import Project
from headgate.domain.runs import Ending

MAX_BYTES = 8 * 1024**2
"""Of the archive with a job's metrics, and of the metrics in it."""


@dataclass(frozen=True, slots=True)
class Experiments:
    """Writes records of runs into the artifact bucket."""

    jobs: Jobs
    objects: Objects
    artifact_bucket: str

    def record(self, project: Project, run: str, ending: Ending) -> bool:
        """Write the record of a run that has ended; False when it could not be, which harms nothing else."""
        try:
            job = self.jobs.training(_training_job(run, ending))
            document = experiment_record(
                {"tenant": project.tenant, "project": project.name, "run": run, "dataset": run.rpartition("-")[2]},
                {
                    "outcome": str(ending.outcome),
                    "reason_code": ending.reason_code,
                    "version": ending.version,
                    "metrics": ending.metrics,
                },
                job,
                self._metrics(job),
            )
            self.objects.put_json(self.artifact_bucket, f"{project.prefix}runs/{run}/experiment.json", document)
        except Exception:  # the run has ended; nothing that this meets may undo that
            return False
        return True

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
        except Exception:  # an archive of any content, or S3's refusal where there is none
            return None
        return document if isinstance(document, dict) else None


def _training_job(run: str, ending: Ending) -> str:
    """The job that trained the challenger: the run's own, or the best trial of its search."""
    best = (ending.metrics.get("tuning") or {}).get("best") or {}
    return str(best.get("training_job") or run)
