"""What the road to AWS promises of the template, of its costs and of its end."""

import graphlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from infra import costs, stamp
from infra.destroy import TenantsLeftError, destroy, endpoints_of
from samtranslator.yaml_helper import yaml_parse
from tests.lint_template import transformed
from tests.prove.stack import Stack

from headgate.domain.standing_alarms import Patience

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "aws.md").read_text()


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def test_every_function_has_a_log_group_that_forgets(template: dict[str, Any]) -> None:
    groups = {json.dumps(each["LogGroupName"]): each for each in of_type(template, "AWS::Logs::LogGroup").values()}
    functions = of_type(template, "AWS::Serverless::Function")
    assert len(functions) == len(groups)
    for name in functions:
        [group] = [each for said, each in groups.items() if f"${{{name}}}" in said]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_whatever_starts_a_function_and_does_not_wait_has_dead_letters(template: dict[str, Any]) -> None:
    """Queues have theirs by a test of their own; a stream's are named by its reader, the others' by the function."""
    watched = {name for name in of_type(template, "AWS::SQS::Queue") if name.endswith("DeadLetters")}
    targets = [target["Arn"] for rule in of_type(template, "AWS::Events::Rule").values() for target in rule["Targets"]]
    started: set[str] = set()
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        for event in function.get("Events", {}).values():
            if event["Type"] == "DynamoDB":
                failed = event["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
                assert failed["Fn::GetAtt"][0] in watched, name
                assert event["Properties"]["MaximumRetryAttempts"] > 0, name
            if event["Type"] == "SQS":
                assert event["Properties"]["ScalingConfig"]["MaximumConcurrency"] <= 10, name  # storms wait outside
        if {"Ref": f"{name}.Alias"} in targets:
            started.add(name)
            assert function["DeadLetterQueue"]["TargetArn"]["Fn::GetAtt"][0] in watched, name
    assert len(started) >= 6


def test_every_parameter_is_explained_where_it_is_asked_for_and_the_page_names_none_that_is_gone(
    template: dict[str, Any],
) -> None:
    parameters = template["Parameters"]
    assert all(len(each["Description"]) > 20 for each in parameters.values())
    told = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert len(told) > 10
    assert set(told) <= set(parameters)


def test_the_pages_tell_the_costs_that_are_computed_with_the_date_of_the_prices(template: dict[str, Any]) -> None:
    """`make costs` prints the table."""
    assert costs.table() in PAGE
    assert f"list prices of {costs.prices()['region']} as of {costs.prices()['as_of']}" in PAGE
    idle = sum(costs.idle(template, costs.prices()).values())
    assert f"Idle, the stack costs about {idle:.0f} dollars a month" in (ROOT / "README.md").read_text()


def test_the_pages_tell_how_many_alarms_a_release_has() -> None:
    few, many = (len(costs.alarms_of_a_release(said)) for said in (Patience(), Patience(2, 1, 3)))
    scale = (ROOT / "docs" / "scale.md").read_text()
    assert f"a release has {few} to {many}," in PAGE
    assert f"**Alarms**: {few} ({many} where traffic and cost are watched) and a composite one" in scale
    assert f"a release makes {few + 1} to {many + 1} alarms" in scale


def test_what_a_deployment_has_only_where_it_is_asked_for_costs_nothing(template: dict[str, Any]) -> None:
    parameters = {**template["Parameters"], "FunctionDeployment": {"Default": "Canary10Percent5Minutes"}}
    asked, price = costs.idle({**template, "Parameters": parameters}, costs.prices()), costs.prices()
    assert asked["alarms"] - costs.idle(template, price)["alarms"] == pytest.approx(price["alarm_month"])


def test_more_of_what_costs_costs_more(template: dict[str, Any]) -> None:
    price = costs.prices()
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {}}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 minute)"}}
    more = {**template, "Resources": {**template["Resources"], "Another": alarm, "Often": rule}}
    before, after = costs.idle(template, price), costs.idle(more, price)
    assert round(after["alarms"] - before["alarms"], 6) == price["alarm_month"]
    assert after["looks on schedules"] > 2 * before["looks on schedules"]
    assert sum(costs.of_a_run(price).values()) > costs.of_a_run(price)["training"]


def test_only_one_environment_of_one_repository_may_deploy_and_only_one_stack() -> None:
    resources = yaml_parse((ROOT / "infra" / "ci.yaml").read_text())["Resources"]
    [trust] = resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    who = trust["Condition"]["StringEquals"]
    assert who["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    sub = who["token.actions.githubusercontent.com:sub"]
    assert sub == {"Fn::Sub": "repo:${Repository}:environment:${Environment}"}
    [policy] = resources["DeployRole"]["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        assert "*" not in (statement["Resource"], statement["Action"]), statement["Sid"]
    workflow = yaml.safe_load((ROOT / "examples" / "github-actions" / "deploy.yml").read_text())
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in json.dumps(workflow)


class Stacks:
    """Stacks by name; moto's CloudFormation asks for packages that nothing else needs."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names, self.deleted = names, list[str]()

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        outputs = {"LedgerTable": "ledger", "DataBucket": "data"}
        told = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": told}]}

    def delete_stack(self, StackName: str) -> None:
        self.deleted.append(StackName)

    def get_paginator(self, _name: str) -> Any:
        known = [{"StackName": name, "StackStatus": status} for name, status in self.names.items()]
        return SimpleNamespace(paginate=lambda: [{"StackSummaries": known}])

    def get_waiter(self, _name: str) -> Any:
        return SimpleNamespace(wait=lambda StackName: self.deleted.append("waited"))


def test_the_end_takes_our_endpoints_and_alarms_and_nobody_elses(aws: boto3.Session) -> None:
    sagemaker, cloudwatch, stacks = (
        aws.client("sagemaker"),
        aws.client("cloudwatch"),
        Stacks({"headgate": "CREATE_COMPLETE"}),
    )
    for name, owner in (("demo-iris", "ledger"), ("demo-iris-roses", "another")):
        tags = [{"Key": "headgate:ledger", "Value": owner}]
        container = {"Image": "i", "ModelDataUrl": "s3://m/m.tar.gz"}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::1:role/r")
        variant = {"VariantName": "main", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
        cloudwatch.put_metric_alarm(
            AlarmName=f"headgate-{name}-r1-errors", MetricName="m", Namespace="n", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    assert list(endpoints_of(aws.client, "ledger")) == ["demo-iris"]
    left = destroy(lambda service: stacks if service == "cloudformation" else aws.client(service), "headgate")
    assert [each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]] == ["demo-iris-roses"]
    alarms = [each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]]
    assert alarms == ["headgate-demo-iris-roses-r1-errors"]
    assert stacks.deleted == ["headgate", "waited"]
    assert any("s3://data" in each for each in left)
    assert any("table ledger" in each for each in left)


def test_a_deployment_that_has_tenants_is_not_destroyed(aws: boto3.Session) -> None:
    """Their stacks call a function of it when they go, so they could not go any more; each has a key that costs."""
    names = {"headgate": "CREATE_COMPLETE", "headgate2-tenant-other": "CREATE_COMPLETE"}
    names |= {"headgate-tenant-acme": "ROLLBACK_COMPLETE", "headgate-tenant-gone": "DELETE_COMPLETE"}
    stacks = Stacks(names)
    with pytest.raises(TenantsLeftError, match=r"acme\. .*headgate tenant remove NAME --stack headgate "):
        destroy(lambda service: stacks if service == "cloudformation" else aws.client(service), "headgate")
    assert stacks.deleted == []


def references(value: Any) -> Iterator[str]:
    """The logical ids that a part of a template refers to."""
    match value:
        case {"Ref": name}:
            yield name
        case {"Fn::GetAtt": [name, *_]}:
            yield name
        case {"Fn::Sub": [text, values]}:
            yield from references({"Fn::Sub": text})
            yield from references(values)
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)[.}]", text)
        case dict():
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def test_another_layer_makes_another_version_of_every_function() -> None:
    """Nearly all of our code is in the layer: an alias that stayed would serve the deployment before, in silence."""

    def versions(layer: str) -> set[str]:
        return {
            name
            for name, each in transformed(core=layer)["Resources"].items()
            if each["Type"] == "AWS::Lambda::Version"
        }

    assert len(versions("one")) == len(list((ROOT / "functions").glob("*/app.py")))
    assert not versions("one") & versions("another")


def test_what_a_build_is_stamped_with_changes_with_settings_too(tmp_path: Path) -> None:
    """SAM does not see that a parameter's value is another one, of which functions have variables."""
    for name in stamp.SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch() if "." in name else (tmp_path / name / "a.py").parent.mkdir()
    built = tmp_path / "built.yaml"
    seen = []
    for changed in ("samconfig.toml", "layers/b.py", "functions/c.py", None):
        if changed:
            (tmp_path / changed).write_text("changed")
        whole = {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {}}, "Q": {"Type": "A::B::C"}}}
        built.write_text(yaml.safe_dump(whole))
        stamp.stamp(built, tmp_path)
        resources = yaml.safe_load(built.read_text())["Resources"]
        assert resources["Q"] == {"Type": "A::B::C"}
        seen.append(resources["F"]["Properties"]["AutoPublishCodeSha256"])
    assert len(set(seen)) == 3
    assert seen[-1] == seen[-2]


@pytest.mark.parametrize("way", ["AllAtOnce", "Canary10Percent5Minutes", "Linear10PercentEvery1Minute"])
def test_functions_change_as_it_is_said_and_go_back_by_alarms_that_wait_for_none_of_them(way: str) -> None:
    resources = transformed({"FunctionDeployment": way})["Resources"]
    groups = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    aliases = [each for each in resources.values() if each["Type"] == "AWS::Lambda::Alias"]
    called_by_cloudformation = 2
    gradual = way != "AllAtOnce"
    assert len(groups) == (len(aliases) - called_by_cloudformation if gradual else 0)
    assert sum("UpdatePolicy" in each for each in aliases) == len(groups)
    for group in groups:
        assert group["AlarmConfiguration"]["Enabled"]
        assert len(group["AlarmConfiguration"]["Alarms"]) >= 6
        assert way.removeprefix("Canary").removeprefix("Linear") in json.dumps(group["DeploymentConfigName"])
    known = {name: {other for other in references(each) if other in resources} for name, each in resources.items()}
    list(graphlib.TopologicalSorter(known).static_order())  # CloudFormation refuses a circle


def test_a_request_to_register_a_tenant_is_not_made_again_behind_its_answer(template: dict[str, Any]) -> None:
    """CloudFormation invokes asynchronously, and undoes what failed; Lambda would try that twice more by itself."""
    [calls] = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    assert (calls["FunctionName"], calls["MaximumRetryAttempts"]) == ({"Ref": "RegisterTenant"}, 0)
    assert calls["Qualifier"] == "$LATEST"  # whom the outputs name: the function, not its alias
    assert template["Outputs"]["RegisterTenantFunction"]["Value"] == {"Fn::GetAtt": ["RegisterTenant", "Arn"]}


def test_everything_calls_the_alias(template: dict[str, Any]) -> None:
    """But CloudFormation, whose own calls need the code of the deployment that is under way."""
    functions = of_type(template, "AWS::Serverless::Function")
    called = re.findall(r'"Fn::GetAtt": \["(\w+)", "Arn"\]', json.dumps(template))
    assert set(called) & functions.keys() == {"PublishTrainingCode", "RegisterTenant"}


@pytest.mark.parametrize(("subnets", "groups"), [("", ""), ("subnet-1,subnet-2", "sg-1")])
def test_functions_are_in_the_vpc_where_one_is_named(subnets: str, groups: str) -> None:
    whole = transformed()
    for name, value in (("SubnetIds", subnets), ("SecurityGroupIds", groups)):
        whole["Parameters"][name]["Default"] = value
    stack = Stack("123456789012", template=whole)
    wanted = {"SubnetIds": subnets.split(","), "SecurityGroupIds": [groups]} if subnets else None
    for logical, properties in stack.of("AWS::Lambda::Function"):
        assert stack.plain(properties).get("VpcConfig") == wanted, logical
    for logical, properties in stack.of("AWS::StepFunctions::StateMachine"):
        given = stack.plain(properties["DefinitionSubstitutions"])
        assert given.get("SubnetIds", subnets) == subnets, logical


def test_no_output_is_called_as_a_parameter_that_is_a_list(template: dict[str, Any]) -> None:
    """`sam build` would take the list for the output's name, and end."""
    lists = {name for name, each in template["Parameters"].items() if "List" in each["Type"]}
    assert lists
    assert not lists & template["Outputs"].keys()
