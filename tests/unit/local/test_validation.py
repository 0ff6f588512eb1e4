"""Answers are held against the service model as requests are."""

import logging
from typing import Any

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.api.validation import STRICT, answer

ARN = "arn:aws:sagemaker:eu-central-1:000000000000:model/a"
MODEL = {"ModelName": "a", "ModelArn": ARN, "CreationTime": 1.0}


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STRICT, "1")


def test_an_answer_holds_what_its_shape_knows_and_nothing_else() -> None:
    given = MODEL | {"Secret": 1, "VpcConfig": None, "PrimaryContainer": {"Image": "i", "Secret": 1}}
    assert answer("DescribeModel", given) == MODEL | {"PrimaryContainer": {"Image": "i"}}
    assert answer("DeleteModel", MODEL) == {}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"ModelArn": None}, "Value null at 'modelArn'"),
        ({"CreationTime": "now"}, "creationTime must be of type timestamp, not string"),
        ({"ModelName": "no blanks"}, "at 'modelName' failed to satisfy constraint"),
        ({"PrimaryContainer": {"Mode": "Both"}}, "at 'primaryContainer.mode'.*enum value set"),
    ],
)
def test_an_answer_that_aws_could_not_give_is_an_error(members: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError, match=said) as refused:
        answer("DescribeModel", MODEL | members)
    assert (refused.value.code, refused.value.status) == ("InternalFailure", 500)


def test_for_users_it_is_logged_and_given(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv(STRICT)
    with caplog.at_level(logging.ERROR):
        assert answer("DescribeModel", {"ModelName": "a", "CreationTime": 1.0}) == {
            "ModelName": "a",
            "CreationTime": 1.0,
        }
    assert "DescribeModel answers what AWS cannot: Value null at 'modelArn'" in caplog.text
