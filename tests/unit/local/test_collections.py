"""Collections of resources: quotas, filters, pages."""

import dataclasses
from typing import Any

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.api.records import paginate
from headgate_local.sagemaker.resources import Collection, Kind

JOB = Kind(
    noun="training-job",
    name="TrainingJobName",
    arn="TrainingJobArn",
    status="TrainingJobStatus",
    missing="Requested resource not found.",
    exists="There is one already.",
    quota=2,
)


@pytest.fixture
def jobs() -> Collection:
    return Collection(JOB)


def test_beyond_the_quota_nothing_is_added_until_a_job_ends(jobs: Collection) -> None:
    for name in "ab":
        jobs.add(name, {"TrainingJobStatus": "InProgress"})
    with pytest.raises(ApiError, match="'Number of training-jobs' is 2") as refused:
        jobs.add("c", {"TrainingJobStatus": "InProgress"})
    assert refused.value.code == "ResourceLimitExceeded"
    jobs.change("a", TrainingJobStatus="Completed")
    jobs.add("c", {"TrainingJobStatus": "InProgress"})


def test_of_what_has_no_end_all_count() -> None:
    models = Collection(dataclasses.replace(JOB, noun="model", status=""))
    for name in "ab":
        models.add(name, {})
    with pytest.raises(ApiError, match="ResourceLimitExceeded"):
        models.add("c", {})


def test_names_that_differ_in_case_are_one_name_to_make_and_two_to_ask_for(jobs: Collection) -> None:
    jobs.add("Mixed", {"TrainingJobStatus": "Completed"})
    with pytest.raises(ApiError, match="There is one already"):
        jobs.add("mixed", {"TrainingJobStatus": "Completed"})
    assert jobs.find("mixed") is None
    with pytest.raises(ApiError, match="not found"):
        jobs.remove("MIXED")
    jobs.remove("Mixed")
    jobs.add("mixed", {"TrainingJobStatus": "Completed"})


def test_a_filter_that_nobody_declared_is_refused_by_name(jobs: Collection) -> None:
    with pytest.raises(ApiError, match="does not support the filter ColourEquals in a list of training-jobs"):
        jobs.page({"ColourEquals": "red"})


def test_what_sorts_alike_keeps_the_order_of_its_making(jobs: Collection) -> None:
    for name in "ba":
        jobs.add(name, {"TrainingJobStatus": "Completed"})
    page, _ = jobs.page({"SortBy": "Status"})
    assert [job["TrainingJobName"] for job in page] == ["b", "a"]


def test_adding_and_removing_is_told() -> None:
    told: list[Any] = []
    jobs = Collection(JOB, lambda record: told.append(record["TrainingJobName"]))
    jobs.add("a", {"TrainingJobStatus": "Completed"})
    jobs.change("a", TrainingJobStatus="Failed")
    jobs.remove("a")
    assert told == ["a", "a"]


def test_a_removal_that_is_refused_removes_nothing(jobs: Collection) -> None:
    jobs.add("a", {"TrainingJobStatus": "InProgress"})

    def refuse(_: Any) -> None:
        raise ApiError("ResourceInUse", "It runs.")

    with pytest.raises(ApiError, match="It runs"):
        jobs.remove("a", refuse)
    assert jobs.find("a")


def test_pages_follow_each_other_to_the_end() -> None:
    items, found, request = list(range(7)), [], {"MaxResults": 3, "NameContains": "x"}
    while True:
        page, token = paginate(items, request, 10)
        found.append(page)
        if not token:
            break
        request |= token
    assert found == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("token", ["x", "LTE6YWJj", "MTA="])
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="Invalid pagination token"):
        paginate([1], {"NextToken": token}, 10)
