"""Deployment guardrails: blue/green and rolling updates, what ends them early, and what is refused."""

import json
import threading
from collections import Counter

import pytest
from botocore.exceptions import ClientError
from contract.endings import counted
from contract.live import statement, tar_gz
from contract.rehearsal import told_to_the_end
from contract.test_events import differences, golden
from waiting import eventually

LARGE = {"size": 2.5, "ward": "A"}
BODY = json.dumps({"instances": [LARGE]})


def blue_green(kind: str, wait: int, size: dict | None = None, termination: int = 0, *alarms: str) -> dict:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait}
    if size:
        routing["CanarySize" if kind == "CANARY" else "LinearStepSize"] = size
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}
    return {"BlueGreenUpdatePolicy": policy, **watched(*alarms)}


def rolling(batch: int, wait: int, *alarms: str, **more: dict) -> dict:
    policy = {"MaximumBatchSize": instances(batch), "WaitIntervalInSeconds": wait, **more}
    return {"RollingUpdatePolicy": policy, **watched(*alarms)}


def watched(*alarms: str) -> dict:
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm} for alarm in alarms]}} if alarms else {}


def instances(count: int) -> dict:
    return {"Type": "INSTANCE_COUNT", "Value": count}


def percent(value: int) -> dict:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.fixture
def seeing(make_role):
    """A role that may look at alarms."""
    return make_role(statement(["s3:GetObject", "s3:PutObject", "logs:*", "cloudwatch:DescribeAlarms"]))


@pytest.fixture
def blind(make_role):
    """A role that may not."""
    return make_role(statement(["s3:GetObject", "logs:*"]))


@pytest.fixture
def serve(archives, make_config, bring_up, seeing):
    """Makes an endpoint with the model ``up`` and so many instances; answers its name."""

    def make(count: int = 4, **members) -> str:
        return bring_up(make_config({"main": archives["up"]}, role=seeing, InitialInstanceCount=count, **members))

    return make


@pytest.fixture
def update(cloud, archives, make_config, seeing):
    """Starts to update an endpoint to the model ``down``; answers the new configuration's name."""

    def start(endpoint: str, deployment: dict, count: int = 4, archive: str = "down", **members) -> str:
        config = make_config({"main": archives.get(archive, archive)}, role=seeing, InitialInstanceCount=count)
        cloud.client("sagemaker").update_endpoint(
            EndpointName=endpoint, EndpointConfigName=config, DeploymentConfig=deployment, **members
        )
        return config

    return start


@pytest.fixture
def look(cloud):
    return lambda endpoint: cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)


@pytest.fixture
def answers(ask):
    """Asks so many times; answers how often each label came."""
    return lambda endpoint, number=100: counted(lambda _: ask(endpoint, LARGE)[0]["label"], number)


@pytest.fixture
def alarm(cloud, name):
    """An alarm that rings on order; answers how to set its state. It is called like the endpoint."""
    client = cloud.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "main"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1e9,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    yield lambda state: client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
    client.delete_alarms(AlarmNames=[name])


@pytest.fixture
def guarded(serve, update, baking, settled, alarm):
    """An update that an alarm ends once so many instances bake: the endpoint, its old configuration, what became."""

    def run(deployment: dict, active: int) -> tuple[str, str, dict]:
        endpoint = serve()
        before = settled(endpoint)["EndpointConfigName"]
        update(endpoint, deployment | watched(endpoint))
        baking(endpoint, active)
        alarm("ALARM")
        return endpoint, before, settled(endpoint)

    return run


def status_of(described: dict) -> str:
    (variant,) = described.get("PendingDeploymentSummary", {}).get("ProductionVariants", [{}])
    return variant.get("VariantStatus", [{}])[0].get("Status", "")


@pytest.fixture
def baking(look):
    """Waits until so many instances have traffic, and bake; answers the endpoint's description."""

    def found(endpoint: str, active: int):
        described = look(endpoint)
        assert described["EndpointStatus"] == "Updating", described.get("FailureReason")
        (variant,) = described["PendingDeploymentSummary"]["ProductionVariants"]
        ready = status_of(described) == "Baking" and variant["CurrentInstanceCount"] == active
        return described if ready else None

    return lambda endpoint, active: eventually(lambda: found(endpoint, active))


def test_a_canary_gets_its_share_and_then_everything(serve, update, baking, settled, answers) -> None:
    endpoint = serve()
    new = update(endpoint, blue_green("CANARY", 3, percent(25)))
    described = baking(endpoint, 1)
    (status,) = described["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
    assert "canary capacity of 1 instance(s)" in status["StatusMessage"]
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 4
    seen = answers(endpoint)
    assert 0 < seen["no"] < seen["yes"]
    after = settled(endpoint)
    assert after["EndpointConfigName"] == new
    assert "FailureReason" not in after
    assert answers(endpoint, 20) == {"no": 20}


def test_a_linear_deployment_goes_step_by_step(serve, update, baking, settled) -> None:
    endpoint = serve()
    update(endpoint, blue_green("LINEAR", 1, instances(2), 1))
    baking(endpoint, 2)
    described = baking(endpoint, 4)
    (status,) = described["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
    assert status["StatusMessage"] == (
        "Baking for 1 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 4 instance(s)."
    )
    assert settled(endpoint)["ProductionVariants"][0]["CurrentInstanceCount"] == 4


def test_a_rolling_deployment_replaces_batch_by_batch(serve, update, baking, settled, answers) -> None:
    endpoint = serve()
    new = update(endpoint, rolling(2, 2))
    assert baking(endpoint, 2)["ProductionVariants"][0]["CurrentInstanceCount"] == 4
    seen = answers(endpoint)
    assert seen["no"] > 0
    assert seen["yes"] > 0
    assert baking(endpoint, 4)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert settled(endpoint)["EndpointConfigName"] == new
    assert answers(endpoint, 20) == {"no": 20}


@pytest.mark.parametrize(
    ("deployment", "active"),
    [
        (blue_green("CANARY", 60, instances(1)), 1),
        (blue_green("LINEAR", 60, percent(50)), 2),
        (blue_green("ALL_AT_ONCE", 0, None, 60), 4),
        (rolling(1, 60), 1),
        (rolling(2, 60, RollbackMaximumBatchSize=instances(1)), 2),
    ],
    ids=["canary", "linear", "all-at-once", "rolling", "rolling-back-in-batches"],
)
def test_an_alarm_returns_everything_to_the_old_fleet(guarded, answers, deployment, active) -> None:
    endpoint, before, after = guarded(deployment, active)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before)
    assert f"alarm {endpoint}" in after["FailureReason"]
    assert "PendingDeploymentSummary" not in after
    assert after["ProductionVariants"][0]["CurrentInstanceCount"] == 4
    assert answers(endpoint, 20) == {"yes": 20}


def test_an_alarm_that_rings_already_stops_a_deployment_before_it_has_traffic(
    serve, update, settled, alarm, look, heard
) -> None:
    endpoint = serve(1)
    before = look(endpoint)["EndpointConfigName"]
    alarm("ALARM")
    update(endpoint, blue_green("ALL_AT_ONCE", 0, None, 60, endpoint), 1)
    after = settled(endpoint)
    assert after["EndpointConfigName"] == before
    assert f"alarm {endpoint}" in after["FailureReason"]
    told = [event["detail"] for event in told_to_the_end(heard, endpoint)]
    new = [detail["PendingDeploymentSummary"]["ProductionVariants"][0] for detail in told[:-1]]
    assert new
    assert {variant["CurrentInstanceCount"] for variant in new} == {0}


def test_no_request_fails_while_fleets_come_and_go(serve, update, baking, settled, alarm, cloud) -> None:
    endpoint, runtime = serve(2), cloud.client("sagemaker-runtime")
    stop, problems, done = threading.Event(), [], Counter()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                runtime.invoke_endpoint(EndpointName=endpoint, Body=BODY, ContentType="application/json")["Body"].read()
                done["well"] += 1
            except Exception as problem:
                problems.append(problem)

    askers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for deployment in (blue_green("CANARY", 1, instances(1)), rolling(1, 0), blue_green("ALL_AT_ONCE", 0)):
            update(endpoint, deployment, 2)
            assert "FailureReason" not in settled(endpoint)
        for deployment in (blue_green("LINEAR", 60, percent(50)), rolling(1, 60)):
            update(endpoint, deployment | watched(endpoint), 2)
            baking(endpoint, 1)
            alarm("ALARM")
            assert "FailureReason" in settled(endpoint)
            alarm("OK")
        for count in (4, 1):
            change = [{"VariantName": "main", "DesiredInstanceCount": count}]
            cloud.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=change
            )
            settled(endpoint)
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert not problems
    assert done["well"] > 50


def test_the_last_deployment_config_can_be_retained(serve, update, look, settled, cloud, archives, make_config) -> None:
    endpoint = serve(2)
    deployment = blue_green("CANARY", 0, instances(1))
    update(endpoint, deployment, 2)
    assert settled(endpoint)["LastDeploymentConfig"] == deployment
    cloud.client("sagemaker").update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=make_config({"main": archives["up"]}, InitialInstanceCount=2),
        RetainDeploymentConfig=True,
    )
    assert settled(endpoint)["LastDeploymentConfig"] == deployment
    # one instance has no half: the retained canary is checked as a given one is
    with pytest.raises(ClientError, match="CanarySize"):
        cloud.client("sagemaker").update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=make_config({"main": archives["up"]}, InitialInstanceCount=1),
            RetainDeploymentConfig=True,
        )


@pytest.mark.parametrize(
    ("deployment", "count", "said"),
    [
        (blue_green("CANARY", 0, instances(1)), 1, "CanarySize must be at most 50%"),
        (blue_green("CANARY", 0, percent(10)), 1, "CanarySize must be at most 50%"),
        (blue_green("CANARY", 0, instances(3)), 4, "CanarySize must be at most 50%"),
        (blue_green("CANARY", 0, percent(51)), 4, "CanarySize must be at most 50%"),
        (blue_green("LINEAR", 0, percent(9)), 4, "LinearStepSize must be 10% to 50%"),
        (blue_green("LINEAR", 0, instances(3)), 4, "LinearStepSize must be 10% to 50%"),
        (blue_green("CANARY", 0), 4, "type CANARY needs CanarySize"),
        (blue_green("LINEAR", 0), 4, "type LINEAR needs LinearStepSize"),
        (rolling(3, 0), 4, "MaximumBatchSize must be 5% to 50%"),
        (rolling(1, 0), 1, "MaximumBatchSize must be 5% to 50%"),
        (rolling(1, 0, RollbackMaximumBatchSize=percent(101)), 4, "RollbackMaximumBatchSize must be at most 100%"),
        (rolling(1, 200, MaximumExecutionTimeoutInSeconds=800), 4, "must be larger than the total waiting time"),
        (rolling(1, 0) | blue_green("ALL_AT_ONCE", 0), 4, "Only one of"),
        (blue_green("ALL_AT_ONCE", 0) | watched("no-such-alarm"), 4, "Could not find the CloudWatch alarm"),
    ],
)
def test_deployments_that_cannot_be_are_refused(serve, update, look, deployment, count, said) -> None:
    endpoint = serve(1)
    with pytest.raises(ClientError, match=said) as refused:
        update(endpoint, deployment, count)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert look(endpoint)["EndpointStatus"] == "InService"


def test_guardrails_need_the_same_variant_names(serve, cloud, archives, make_config) -> None:
    endpoint = serve(1)
    with pytest.raises(ClientError, match="same variant names"):
        cloud.client("sagemaker").update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=make_config({"other": archives["up"]}),
            DeploymentConfig=blue_green("ALL_AT_ONCE", 0),
        )


def test_rolling_is_for_one_variant(cloud, archives, make_config, settled, name) -> None:
    client, two = cloud.client("sagemaker"), {"one": archives["up"], "two": archives["up"]}
    client.create_endpoint(EndpointName=name, EndpointConfigName=make_config(two))
    settled(name)
    with pytest.raises(ClientError, match="several variants"):
        client.update_endpoint(
            EndpointName=name,
            EndpointConfigName=make_config(two, InitialInstanceCount=2),
            DeploymentConfig=rolling(1, 0),
        )
    client.delete_endpoint(EndpointName=name)


def test_inferentia_falls_back_to_all_at_once_without_baking(serve, cloud, archives, make_config, settled) -> None:
    endpoint = serve(2)
    new = make_config({"main": archives["down"]}, InitialInstanceCount=2, InstanceType="ml.inf1.xlarge")
    cloud.client("sagemaker").update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=new,
        DeploymentConfig=blue_green("CANARY", 3600, instances(1), 3600),
    )
    assert settled(endpoint)["EndpointConfigName"] == new


def test_the_role_must_be_allowed_to_see_the_alarms(serve, cloud, archives, make_config, blind, alarm) -> None:
    endpoint = serve(1)
    with pytest.raises(ClientError, match="cloudwatch:DescribeAlarms"):
        cloud.client("sagemaker").update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=make_config({"main": archives["up"]}, role=blind),
            DeploymentConfig=blue_green("ALL_AT_ONCE", 0) | watched(endpoint),
        )


def test_a_model_that_does_not_come_up_ends_a_canary_early(serve, update, settled, put, name, look) -> None:
    endpoint = serve(2)
    before = look(endpoint)["EndpointConfigName"]
    broken = put(f"{name}/broken.tar.gz", tar_gz({"1/readme": b"no model"}))
    update(endpoint, blue_green("CANARY", 60, instances(1)), 2, archive=broken)
    after = settled(endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before)
    assert "did not pass the ping health check" in after["FailureReason"]


def test_every_step_of_a_deployment_is_told(serve, update, settled, heard) -> None:
    endpoint = serve(2)
    update(endpoint, blue_green("CANARY", 1, instances(1), 1), 2)
    settled(endpoint)
    *steps, last = told_to_the_end(heard, endpoint)
    assert "PendingDeploymentSummary" not in last["detail"]
    new = [step["detail"]["PendingDeploymentSummary"]["ProductionVariants"][0] for step in steps]
    told = [(variant.get("VariantStatus", [{}])[0].get("Status"), variant["CurrentInstanceCount"]) for variant in new]
    assert told == [
        ("Creating", 0),
        ("ActivatingTraffic", 1),
        ("Baking", 1),
        ("ActivatingTraffic", 2),
        ("Baking", 2),
        (None, 2),  # the old fleet is Deleting
    ]
    baking = next(step for step in steps if "Baking" in json.dumps(step))
    assert not differences(golden("endpoint-deployment"), baking)
    assert steps[-1]["detail"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Deleting"
