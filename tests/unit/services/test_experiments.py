"""Records of experiments: gathered where there is something, and never in the way of an ending."""

import io
import json
import tarfile
from typing import Any

from headgate.domain.errors import NotFoundError
from headgate.domain.experiment import JobFacts
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate.services.experiments import Experiments

PROJECT, RUN = Project("demo", "iris"), "demo-iris-0123456789"
ENDING = Ending(Outcome.PROMOTED, "SERVING", "It serves.", "1", {"metric": "auc"})
FOLDER = f"demo/iris/runs/{RUN}/training/{RUN}/output"


class Bucket:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get_newest(self, _bucket: str, key: str, *, limit: int) -> tuple[bytes, str]:
        if key not in self.kept:
            raise NotFoundError(key)
        return self.kept[key][:limit], "1"

    def put_json(self, _bucket: str, key: str, document: Any) -> None:
        self.kept[key] = json.dumps(document).encode()


class Described:
    def __init__(self, job: JobFacts | None) -> None:
        self.job = job

    def training(self, name: str) -> JobFacts | None:
        self.asked = name
        return self.job


class Unreachable:
    def training(self, _name: str) -> JobFacts | None:
        raise RuntimeError("AccessDenied")


def packed(name: str, content: bytes) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return whole.getvalue()


def job() -> JobFacts:
    return JobFacts(
        RUN, "Completed", "ml.m5.large", 1, 60, 60, False, "s3://c", f"s3://artifacts/{FOLDER}/model.tar.gz"
    )


def recorded(jobs: Any, bucket: Bucket) -> dict[str, Any]:
    assert Experiments(jobs, bucket, "artifacts").record(PROJECT, RUN, ENDING)  # type: ignore[arg-type]
    return json.loads(bucket.kept[f"demo/iris/runs/{RUN}/experiment.json"])


def test_a_record_holds_what_training_wrote_and_what_its_job_was() -> None:
    bucket = Bucket()
    bucket.kept[f"{FOLDER}/output.tar.gz"] = packed("metrics.json", b'{"settings": {"epochs": 3}}')
    record = recorded(Described(job()), bucket)
    assert (record["parameters"], record["outcome"], record["identity"]["dataset"]) == (
        {"epochs": 3},
        "PROMOTED",
        "0123456789",
    )
    assert record["job"]["estimated_usd"] > 0
    assert recorded(Described(job()), bucket) == record


def test_what_cannot_be_read_is_left_out() -> None:
    for archive in (None, b"no archive", packed("other.json", b"{}"), packed("metrics.json", b"[]")):
        bucket = Bucket()
        if archive is not None:
            bucket.kept[f"{FOLDER}/output.tar.gz"] = archive
        assert recorded(Described(job()), bucket)["parameters"] is None
    assert recorded(Described(None), Bucket())["job"] is None


def test_a_record_that_cannot_be_written_harms_nothing() -> None:
    bucket = Bucket()
    assert not Experiments(Unreachable(), bucket, "artifacts").record(PROJECT, RUN, ENDING)  # type: ignore[arg-type]
    assert not bucket.kept


def test_the_job_of_a_searched_run_is_the_best_trial() -> None:
    jobs = Described(job())
    recorded(jobs, Bucket())
    assert jobs.asked == RUN
    searched = Ending(
        Outcome.PROMOTED, "SERVING", "It serves.", "1", {"tuning": {"best": {"training_job": "search-003"}}}
    )
    assert Experiments(jobs, Bucket(), "artifacts").record(PROJECT, RUN, searched)  # type: ignore[arg-type]
    assert jobs.asked == "search-003"
