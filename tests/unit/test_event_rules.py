"""No event is lost in silence: EventBridge tells nobody of a rule without a target, nor of a delivery that failed."""

import json
from typing import Any

import pytest


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == kind}


def named(value: Any) -> str:
    """The resource that a reference is to, however it is written."""
    whole = json.dumps(value)
    if "Fn::GetAtt" in whole:
        return whole.split('"Fn::GetAtt": ["')[-1].split('"')[0]
    return whole.split('"')[-2].removesuffix(".Alias")


@pytest.fixture(scope="module")
def watched(template: dict[str, Any]) -> set[str]:
    """The queues of dead letters whose alarm tells people."""
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    return {
        named(each["Properties"]["Dimensions"][0]["Value"])
        for each in alarms
        if each["Properties"].get("MetricName") == "ApproximateNumberOfMessagesVisible"
        and each["Properties"]["TreatMissingData"] == "notBreaching"
        and each["Properties"]["AlarmActions"] == [{"Ref": "NotificationTopic"}]
    }


def test_every_rule_has_a_target_and_a_watched_queue_for_what_cannot_be_delivered(
    template: dict[str, Any], watched: set[str]
) -> None:
    rules = of_type(template, "AWS::Events::Rule")
    assert len(rules) >= 4
    for name, rule in rules.items():
        targets = rule["Properties"]["Targets"]
        assert targets, name
        for target in targets:
            assert named(target["DeadLetterConfig"]["Arn"]) in watched, name


def test_a_rule_may_send_to_its_queues_and_no_other_rule_may(template: dict[str, Any]) -> None:
    allowed: dict[str, set[str]] = {}
    for policy in of_type(template, "AWS::SQS::QueuePolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
            for source in sources if isinstance(sources, list) else [sources]:
                queues = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                allowed.setdefault(named(source), set()).update(named(queue) for queue in queues)
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            assert named(target["DeadLetterConfig"]["Arn"]) in allowed[name], name
            if template["Resources"][named(target["Arn"])]["Type"] == "AWS::SQS::Queue":
                assert named(target["Arn"]) in allowed[name], name


def test_every_queue_gives_up_into_a_watched_one(template: dict[str, Any], watched: set[str]) -> None:
    for name, queue in of_type(template, "AWS::SQS::Queue").items():
        redrive = queue["Properties"].get("RedrivePolicy")
        assert name in watched if redrive is None else named(redrive["deadLetterTargetArn"]) in watched, name


def test_a_queue_that_is_redriven_whole_is_worked_off_a_few_at_a_time_and_gives_up_on_what_is_poison(
    template: dict[str, Any],
) -> None:
    """So many at once, each message by itself, and a bounded number of tries."""
    sources = [
        event["Properties"]
        for each in of_type(template, "AWS::Serverless::Function").values()
        for event in each["Properties"].get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    assert len(sources) >= 4
    for each in sources:
        assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"], each
        alone = each.get("BatchSize") == 1
        assert alone or each["ScalingConfig"]["MaximumConcurrency"] <= 10, each
    tries = [
        queue["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        for queue in of_type(template, "AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue["Properties"]
    ]
    assert all(1 < each <= 20 for each in tries)


def test_only_what_s3_tells_of_the_data_bucket_comes_in(template: dict[str, Any]) -> None:
    """Nobody may put events of the source aws.s3 but AWS, and no other rule may send to the queue."""
    pattern = template["Resources"]["ObjectCreatedRule"]["Properties"]["EventPattern"]
    assert (pattern["source"], pattern["detail"]["bucket"]) == (["aws.s3"], {"name": [{"Ref": "DataBucket"}]})


def test_the_reconciler_looks_at_every_rule_but_its_own_and_at_every_queue_of_dead_letters(
    template: dict[str, Any], watched: set[str]
) -> None:
    told = template["Resources"]["Reconcile"]["Properties"]["Environment"]["Variables"]
    rules, queues = ({named(each) for each in told[name]["Fn::Join"][1]} for name in ("RULES", "DEAD_LETTER_QUEUES"))
    assert rules == set(of_type(template, "AWS::Events::Rule")) - {"ReconcileRule"}
    assert queues == watched
