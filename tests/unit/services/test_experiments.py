"""Records of experiments: gathered where there is something, and never in the way of an ending."""

import io
import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headgate.aws.tenants import Tenants
from headgate.domain.errors import ConflictError, NotFoundError, TransientError
from headgate.domain.experiment import Expense, JobFacts
from headgate.domain.moments import written as written_at
from headgate.domain.names import Project, tuning_job_name
from headgate.domain.runs import Run
from headgate.services.experiments import Experiments, recorded_cost
from headgate.services.run_ended import keep, track
from headgate.tracking import Tracking

RUN = "demo-iris-0123456789"
ENDED = Run(
    RUN, "demo", "iris", "0123456789", "iris.csv", "1", "2026-11-24T00:00:00.000Z", "PROMOTED",
    "2026-11-24T01:00:00.000Z", "SERVING", "It serves.", "1", metrics={"metric": "auc"},
)  # fmt: skip
BEGUN = datetime(2026, 11, 24, tzinfo=UTC)
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
    """The jobs of an account, by name."""

    def __init__(self, *jobs: JobFacts, evaluated: bool = True) -> None:
        self.known, self.evaluated = {job.name: job for job in jobs}, evaluated

    def training(self, name: str) -> JobFacts | None:
        return self.known.get(name)

    def processing(self, name: str, what: str) -> Expense | None:
        return Expense(what, 1, "ml.m5.large", 36, "lasted") if self.evaluated and name == RUN else None


class Unreachable:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def training(self, _name: str) -> JobFacts | None:
        raise self.error


class Searches:
    """The trials of the run's own search."""

    def __init__(self, *trials: dict[str, Any]) -> None:
        self.kept = list(trials)

    def trials(self, name: str) -> list[dict[str, Any]]:
        return self.kept if name == tuning_job_name(RUN) else []


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


def written(jobs: Any, bucket: Bucket, searches: Searches | None = None, run: Run = ENDED) -> dict[str, Any]:
    records = Experiments(jobs, searches or Searches(), bucket, "artifacts")  # type: ignore[arg-type]
    records.record(run)
    return json.loads(bucket.kept[f"demo/iris/runs/{RUN}/experiment.json"])


def test_a_record_holds_what_training_wrote_and_what_its_jobs_cost() -> None:
    bucket = Bucket()
    bucket.kept[f"{FOLDER}/output.tar.gz"] = packed("metrics.json", b'{"settings": {"epochs": 3}}')
    record = written(Described(job()), bucket)
    assert (record["parameters"], record["outcome"], record["identity"]["dataset"]) == (
        {"epochs": 3},
        "PROMOTED",
        "0123456789",
    )
    assert [part["what"] for part in record["cost"]["parts"]] == ["training", "evaluation"]
    assert record["cost"]["estimated_usd"] == pytest.approx(96 * 0.115 / 3600, abs=1e-6)
    assert written(Described(job()), bucket) == record


def test_what_cannot_be_read_is_left_out() -> None:
    for archive in (None, b"no archive", packed("other.json", b"{}"), packed("metrics.json", b"[]")):
        bucket = Bucket()
        if archive is not None:
            bucket.kept[f"{FOLDER}/output.tar.gz"] = archive
        assert written(Described(job()), bucket)["parameters"] is None


def test_a_run_that_never_trained_has_a_record_without_a_job() -> None:
    record = written(Described(), Bucket(), run=replace(ENDED, state="REJECTED"))
    assert (record["job"], record["cost"]["parts"], record["outcome"]) == (None, [], "REJECTED")


class Unspent(Tenants):
    """A register in which nothing can be counted."""

    def __init__(self) -> None:
        super().__init__(None, "")


def kept(jobs: Any, *, run: Run = ENDED, bucket: Any = None, tracking: Tracking | None = None, seconds: int = 1) -> Any:
    records = Experiments(jobs, Searches(), Bucket() if bucket is None else bucket, "artifacts")
    now = written_at(datetime(2026, 11, 24, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    record, said = keep(run, experiments=records, tenants=Unspent(), now=now)
    return said | track(record, tracking)


def test_a_record_that_cannot_be_written_harms_nothing_and_its_reason_is_known() -> None:
    denied = ClientError({"Error": {"Code": "KMS.DisabledException", "Message": "of a row"}}, "PutObject")
    for error, kind in ((denied, "KMS.DisabledException"), (RuntimeError("of a row"), "RuntimeError")):
        bucket = Bucket()
        assert kept(Unreachable(error), bucket=bucket) == {"missed": kind}
        assert not bucket.kept


def test_what_fails_in_passing_comes_back_with_the_stream_for_a_time() -> None:
    throttled = Unreachable(TransientError("Rate exceeded."))
    with pytest.raises(TransientError):
        kept(throttled)
    assert kept(throttled, seconds=121) == {"missed": "TransientError"}


def test_metrics_that_cannot_be_fetched_in_passing_are_not_left_out() -> None:
    class Broken(Bucket):
        def get_newest(self, _bucket: str, key: str, *, limit: int) -> tuple[bytes, str]:
            raise TransientError("The connection broke.")

    with pytest.raises(TransientError):
        kept(Described(job()), bucket=Broken())


def test_a_cost_that_cannot_be_counted_in_passing_comes_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def contended(*_: Any) -> bool:
        raise ConflictError("Another run of the tenant is counted.")

    monkeypatch.setattr(Tenants, "spend", contended)
    with pytest.raises(ConflictError):
        kept(Described(job()))
    assert kept(Described(job()), seconds=121) == {"record": "written", "missed": "ConflictError"}


@pytest.mark.parametrize("kept", [b"{}", b"not json", b'{"cost": {"estimated_usd": null}}', b'{"cost": []}', None])
def test_what_a_run_came_to_is_not_known_where_its_record_does_not_say(kept: bytes | None) -> None:
    bucket, iris = Bucket(), Project("demo", "iris")
    if kept is not None:
        bucket.kept[f"demo/iris/runs/{RUN}/experiment.json"] = kept
    assert recorded_cost(bucket, "artifacts", iris, RUN) is None  # type: ignore[arg-type]
    cost = written(Described(job()), bucket)["cost"]["estimated_usd"]
    assert cost
    assert recorded_cost(bucket, "artifacts", iris, RUN) == cost  # type: ignore[arg-type]


def test_a_run_that_never_began_has_no_record() -> None:
    bucket = Bucket()
    assert kept(Described(), run=replace(ENDED, state="SUPERSEDED"), bucket=bucket) == {}
    assert not bucket.kept


def test_an_address_that_is_no_web_address_costs_a_word_in_the_log() -> None:
    answer = kept(Described(evaluated=False), tracking=Tracking("file:///etc/passwd"))
    assert answer == {"record": "written", "cost": "nothing", "tracking": "not told: ValueError"}


def trial(name: str, minutes: float | None) -> dict[str, Any]:
    times = (
        {} if minutes is None else {"TrainingStartTime": BEGUN, "TrainingEndTime": BEGUN + timedelta(minutes=minutes)}
    )
    return {"TrainingJobName": name, **times}


SEARCH = Searches(trial("search-001", 10), trial("search-002", 20), trial("search-003", None))


def test_a_searched_run_costs_all_its_trials_and_was_trained_by_the_best() -> None:
    jobs = Described(replace(job(), name="search-002", instance_count=2))
    searched = replace(ENDED, metrics={"tuning": {"best": {"training_job": "search-002"}}})
    record = written(jobs, Bucket(), SEARCH, searched)
    assert record["job"]["name"] == "search-002"
    [search, evaluation] = record["cost"]["parts"]
    assert (search["what"], search["jobs"], search["machine_seconds"]) == ("search", 3, 3600)
    assert search["estimated_usd"] == pytest.approx(0.115)
    assert evaluation["what"] == "evaluation"


def test_a_search_without_a_winner_costs_its_trials_all_the_same() -> None:
    jobs = Described(replace(job(), name="search-001"), evaluated=False)
    record = written(jobs, Bucket(), SEARCH, replace(ENDED, state="FAILED"))
    assert record["job"] is None
    assert record["cost"]["estimated_usd"] == pytest.approx(0.0575)
