"""Two requests that change one record at the same time: nothing that either of them did is lost."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.sagemaker import model_packages, tags
from headgate_local.sagemaker.hosting import models
from headgate_local.sagemaker.jobs import training_jobs
from headgate_local.sagemaker.jobs.training_record import enter
from headgate_local.sagemaker.resources import Collection


class Meanwhile:
    """Lets another thread act whenever a record has been read; one that is kept waiting acts later."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=act)
        self._started = False

    def __call__(self) -> None:
        if not self._started:
            self._started = True
            self._thread.start()
        if self._thread is not threading.current_thread():
            self._thread.join(0.3)

    def finish(self) -> None:
        """Wait until it has acted."""
        self._thread.join()


@pytest.fixture
def at_once(monkeypatch) -> Callable[..., None]:
    """Does the first while the second comes in between wherever it can; answers when both are done."""

    def run(first: Callable[[], object], second: Callable[[], object]) -> None:
        meanwhile = Meanwhile(second)
        get, every = Collection.get, Collection.all

        def read(self: Collection, name: str) -> Record:
            record = get(self, name)
            meanwhile()
            return record

        def read_all(self: Collection) -> list[Record]:
            records = every(self)
            meanwhile()
            return records

        with monkeypatch.context() as patched:
            patched.setattr(Collection, "get", read)
            patched.setattr(Collection, "all", read_all)
            first()
        meanwhile.finish()

    return run


def test_a_job_that_is_stopped_at_the_moment_of_its_end_has_ended(at_once) -> None:
    told: list[str] = []
    sagemaker = SimpleNamespace(
        training_jobs=Collection(training_jobs.KIND),
        events=SimpleNamespace(training_job=lambda record: told.append(record["TrainingJobStatus"])),
        jobs=SimpleNamespace(stop=lambda _: None),
    )
    sagemaker.training_jobs.add("job", {"TrainingJobStatus": "InProgress", "SecondaryStatusTransitions": []})
    at_once(
        lambda: training_jobs.stop(sagemaker, {"TrainingJobName": "job"}),
        lambda: enter(sagemaker, "job", "Completed", "Completed"),
    )
    job = sagemaker.training_jobs.get("job")
    assert job["TrainingJobStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == ["Stopping", "Completed"]
    assert sorted(told) == ["Completed", "Stopping"]
    with pytest.raises(ApiError, match="because the training job is in status Completed"):
        training_jobs.stop(sagemaker, {"TrainingJobName": "job"})


@pytest.fixture
def tagged() -> SimpleNamespace:
    """A model with the tag ``old``."""
    collection = Collection(models.MODEL)
    record = collection.add("m", {"Tags": [{"Key": "old", "Value": ""}]})
    return SimpleNamespace(collections={collection.kind: collection}, arn=record["ModelArn"])


def keys(tagged: SimpleNamespace) -> list[str]:
    return [tag["Key"] for tag in tags.listing(tagged, {"ResourceArn": tagged.arn})["Tags"]]


def test_tags_that_are_added_at_once_are_all_there(at_once, tagged) -> None:
    def add(key: str) -> Callable[[], object]:
        return lambda: tags.add(tagged, {"ResourceArn": tagged.arn, "Tags": [{"Key": key, "Value": ""}]})

    at_once(add("a"), add("b"))
    assert sorted(keys(tagged)) == ["a", "b", "old"]


def test_a_tag_that_is_added_while_another_goes_is_there(at_once, tagged) -> None:
    at_once(
        lambda: tags.delete(tagged, {"ResourceArn": tagged.arn, "TagKeys": ["old"]}),
        lambda: tags.add(tagged, {"ResourceArn": tagged.arn, "Tags": [{"Key": "new", "Value": ""}]}),
    )
    assert keys(tagged) == ["new"]


def test_metadata_that_comes_at_once_is_all_there(at_once) -> None:
    packages = model_packages.Packages(model_packages.PACKAGE)
    arn = packages.add("group/1", {"ModelApprovalStatus": "Approved"})["ModelPackageArn"]
    sagemaker = SimpleNamespace(packages=packages, events=SimpleNamespace(model_package=lambda _: None))

    def note(key: str) -> Callable[[], object]:
        request = {"ModelPackageArn": arn, "CustomerMetadataProperties": {key: "1"}}
        return lambda: model_packages.update(sagemaker, request)

    at_once(note("a"), note("b"))
    assert packages.get(arn)["CustomerMetadataProperties"] == {"a": "1", "b": "1"}
