"""AWS FIS's own interface: templates, experiments, actions, permissions."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from contract.live import statement
from contract.rehearsal import code_and_status

NONE = [{"source": "none"}]
SOME = {"resourceType": "aws:any:resource", "resourceArns": ["arn:aws:any:*:*:resource/a"], "selectionMode": "ALL"}


def test_an_experiment_that_cannot_begin_has_failed(cloud, order, state) -> None:
    experiment = order("aws:kms:disable-key", "no-such-key")
    described = cloud.client("fis").get_experiment(id=experiment)["experiment"]
    assert described["state"]["status"] == "failed"
    assert "no-such-key" in described["state"]["reason"]


@pytest.fixture
def template(cloud, make_role) -> dict[str, Any]:
    """A template that is right, to be spoilt."""
    return {
        "description": "a test",
        "stopConditions": NONE,
        "actions": {"it": {"actionId": "aws:events:drop-events"}},
        "roleArn": make_role(service="fis.amazonaws.com"),
    }


def spoil(template: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**template, **members}


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"actions": {"it": {"actionId": "aws:ec2:stop-instances"}}}, "ValidationException", "There is no action"),
        (
            {"actions": {"it": {"actionId": "aws:fis:inject-api-delay"}}},
            "ValidationException",
            "needs the parameter service",
        ),
        (
            {"actions": {"it": {"actionId": "aws:events:drop-events", "parameters": {"percentage": "101"}}}},
            "ValidationException",
            "percentage must be a number from 0 to 100",
        ),
        (
            {"actions": {"it": {"actionId": "aws:events:drop-events", "parameters": {"duration": "soon"}}}},
            "ValidationException",
            "soon is no duration",
        ),
        (
            {"actions": {"it": {"actionId": "aws:events:drop-events", "targets": {"Resources": "nowhere"}}}},
            "ValidationException",
            "targets must name a target",
        ),
        ({"description": "x" * 513}, "ValidationException", "at 'description'.*length less than or equal to 512"),
        (
            {"stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:x:1:alarm:a"}]},
            "UnsupportedOperationException",
            "stop conditions",
        ),
        (
            {"logConfiguration": {"logSchemaVersion": 2}},
            "UnsupportedOperationException",
            "logConfiguration",
        ),
        (
            {"targets": {"these": SOME | {"selectionMode": "COUNT(1)"}}},
            "UnsupportedOperationException",
            "selectionMode",
        ),
        ({"targets": {"these": SOME | {"resourceTags": {"a": "b"}}}}, "UnsupportedOperationException", "resourceTags"),
        (
            {
                "actions": {
                    "it": {"actionId": "aws:events:drop-events"},
                    "then": {"actionId": "aws:events:drop-events", "startAfter": ["it"]},
                }
            },
            "UnsupportedOperationException",
            "startAfter",
        ),
    ],
)
def test_a_template_that_cannot_be_is_refused(cloud, template, members, code, message) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        cloud.client("fis").create_experiment_template(**spoil(template, **members))
    assert refused.value.response["Error"]["Code"] == code


def test_a_template_is_kept_listed_and_deleted_and_its_experiments_go_on(cloud, template, state) -> None:
    fis = cloud.client("fis")
    made = fis.create_experiment_template(**template, clientToken="once")["experimentTemplate"]
    again = fis.create_experiment_template(**template, clientToken="once")["experimentTemplate"]
    assert again["id"] == made["id"]
    assert fis.get_experiment_template(id=made["id"])["experimentTemplate"]["actions"] == made["actions"]
    experiment = fis.start_experiment(experimentTemplateId=made["id"])["experiment"]["id"]
    pages = fis.get_paginator("list_experiment_templates").paginate(PaginationConfig={"PageSize": 1})
    assert made["id"] in [each["id"] for page in pages for each in page["experimentTemplates"]]
    fis.delete_experiment_template(id=made["id"])
    missing = ("ResourceNotFoundException", 404)
    assert code_and_status(lambda: fis.get_experiment_template(id=made["id"])) == missing
    assert state(experiment) == "running"
    of_template = fis.list_experiments(experimentTemplateId=made["id"])["experiments"]
    assert [each["id"] for each in of_template] == [experiment]
    fis.stop_experiment(id=experiment)
    assert code_and_status(lambda: fis.stop_experiment(id=experiment))[0] == "ValidationException"
    assert code_and_status(lambda: fis.get_experiment(id="EXPnone")) == missing


def test_the_actions_are_listed_with_their_parameters(cloud) -> None:
    fis = cloud.client("fis")
    pages = fis.get_paginator("list_actions").paginate(PaginationConfig={"PageSize": 5})
    names = [action["id"] for page in pages for action in page["actions"]]
    assert names == sorted(names)
    assert {"aws:fis:inject-api-delay", "aws:events:drop-events", "aws:kms:disable-key"} <= set(names)
    action = fis.get_action(id="aws:fis:inject-api-delay")["action"]
    assert action["parameters"]["service"]["required"]
    assert code_and_status(lambda: fis.get_action(id="aws:none:none")) == ("ResourceNotFoundException", 404)


def test_fis_asks_for_permissions(cloud, make_user, make_role, template) -> None:
    root = cloud.client("fis")
    templates = "arn:aws:fis:*:*:experiment-template/*"
    passed = {"StringEquals": {"iam:PassedToService": "fis.amazonaws.com"}}
    keys = make_user(
        statement("fis:CreateExperimentTemplate", [templates, "arn:aws:fis:*:*:action/aws:events:*"]),
        statement("fis:StartExperiment", templates),
        statement("iam:PassRole", template["roleArn"], Condition=passed),
    )
    user = cloud.client("fis", **keys)
    made = user.create_experiment_template(**template)["experimentTemplate"]["id"]
    denied = "AccessDeniedException"
    other_role = spoil(template, roleArn=make_role(service="fis.amazonaws.com"))
    other_action = spoil(template, actions={"it": {"actionId": "aws:kms:disable-key"}})
    assert code_and_status(lambda: user.create_experiment_template(**other_role))[0] == denied
    assert code_and_status(lambda: user.create_experiment_template(**other_action))[0] == denied
    assert code_and_status(lambda: user.start_experiment(experimentTemplateId=made))[0] == denied  # on experiment/*
    assert code_and_status(user.list_experiments)[0] == denied
    root.delete_experiment_template(id=made)


def test_a_role_that_fis_may_not_take_on_fails_the_experiment(cloud, template, make_role) -> None:
    fis = cloud.client("fis")
    spoilt = spoil(template, roleArn=make_role(service="ec2.amazonaws.com"))
    made = fis.create_experiment_template(**spoilt)["experimentTemplate"]["id"]
    state = fis.start_experiment(experimentTemplateId=made)["experiment"]["state"]
    assert state["status"] == "failed"
    assert "Unable to assume" in state["reason"]


def test_the_role_of_an_experiment_needs_no_permissions(cloud, template, state) -> None:
    fis = cloud.client("fis")
    made = fis.create_experiment_template(**template)["experimentTemplate"]["id"]
    experiment = fis.start_experiment(experimentTemplateId=made)["experiment"]["id"]
    assert state(experiment) == "running"
    fis.stop_experiment(id=experiment)
    assert state(experiment) == "stopped"  # at once: nothing is on its way in between
