"""What can go wrong with endpoints on order, and which statuses it leads to."""

import time

import pytest
from botocore.exceptions import ClientError
from contract.live import statement
from waiting import eventually


@pytest.fixture
def serve(archives, make_config, bring_up, name, make_role):
    """Makes an endpoint with two instances of the model ``up``; answers its name and how to make a configuration."""
    role = make_role(statement(["s3:GetObject", "logs:*", "cloudwatch:DescribeAlarms"]))

    def config(which: str = "down", count: int = 2) -> str:
        return make_config({"main": archives[which]}, role=role, InitialInstanceCount=count)

    def make(name: str = name) -> str:
        return bring_up(config("up"), name)

    make.config = config
    return make


def rolling(wait: int, alarm: str | None = None) -> dict:
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    policy = {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait}}
    return policy | ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]}} if alarm else {})


def test_no_capacity_fails_a_new_endpoint(cloud, archives, make_config, settled, name, order) -> None:
    client = cloud.client("sagemaker")
    order("aws:sagemaker:exhaust-capacity", name)
    client.create_endpoint(EndpointName=name, EndpointConfigName=make_config({"main": archives["up"]}))
    failed = settled(name)
    assert failed["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in failed["FailureReason"]
    client.delete_endpoint(EndpointName=name)


def test_no_capacity_leaves_an_endpoint_as_it_was(serve, cloud, settled, order, ask) -> None:
    endpoint, client = serve(), cloud.client("sagemaker")
    before = settled(endpoint)["EndpointConfigName"]
    order("aws:sagemaker:exhaust-capacity", endpoint)
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=serve.config())
    after = settled(endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before)
    assert "InsufficientInstanceCapacity" in after["FailureReason"]
    client.update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 3}]
    )
    after = settled(endpoint)
    assert "InsufficientInstanceCapacity" in after["FailureReason"]
    (variant,) = after["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    assert ask(endpoint, {"size": 2.5, "ward": "A"})[0]["label"] == "yes"


@pytest.fixture
def two(cloud, archives, make_config, bring_up, settled):
    """An endpoint with two instances of the variant ``one`` and one of ``two``."""
    endpoint = bring_up(make_config({"one": archives["up"], "two": archives["up"]}))
    exchange(cloud.client("sagemaker"), endpoint, one=2, two=1)
    settled(endpoint)
    return endpoint


def exchange(client, endpoint: str, **counts: int) -> None:
    changes = [{"VariantName": variant, "DesiredInstanceCount": count} for variant, count in counts.items()]
    client.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)


def test_what_cannot_grow_shrinks_nothing_either(two, cloud, settled, order, heard) -> None:
    order("aws:sagemaker:exhaust-capacity", two)
    exchange(cloud.client("sagemaker"), two, one=1, two=2)
    after = settled(two)
    assert after["EndpointStatus"] == "InService"
    assert "InsufficientInstanceCapacity" in after["FailureReason"]
    counts = {each["VariantName"]: each["CurrentInstanceCount"] for each in after["ProductionVariants"]}
    assert counts == {"one": 2, "two": 1}


def test_a_change_of_counts_whose_way_back_fails_ends_too(two, cloud, settled, order) -> None:
    client = cloud.client("sagemaker")
    no_capacity = order("aws:sagemaker:exhaust-capacity", two)
    order("aws:sagemaker:fail-rollback", two)
    exchange(client, two, two=2)
    after = settled(two)
    assert after["EndpointStatus"] == "UpdateRollbackFailed"
    assert "The rollback failed, too" in after["FailureReason"]
    cloud.client("fis").stop_experiment(id=no_capacity)
    client.update_endpoint(EndpointName=two, EndpointConfigName=after["EndpointConfigName"])
    assert settled(two)["EndpointStatus"] == "InService"


def test_what_nobody_foresaw_ends_a_deployment_too(serve, cloud, settled, ask, name) -> None:
    endpoint, client = serve(), cloud.client("sagemaker")
    before, new = settled(endpoint)["EndpointConfigName"], serve.config()
    folder = cloud.log.parent / "local.work" / str(cloud.process.pid)
    aside = folder.rename(folder.with_name("aside"))
    try:
        client.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
        updated = settled(endpoint)
        client.create_endpoint(EndpointName=f"{name}-new", EndpointConfigName=new)
        made = settled(f"{name}-new")
    finally:
        aside.rename(folder)
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", before)
    assert made["EndpointStatus"] == "Failed"
    for ended in (updated, made):
        assert "InternalFailure" in ended["FailureReason"]
        assert "PendingDeploymentSummary" not in ended
    assert ask(endpoint, {"size": 2.5, "ward": "A"})[0]["label"] == "yes"
    client.delete_endpoint(EndpointName=f"{name}-new")


def test_a_deployment_fails_on_order(serve, cloud, settled, order) -> None:
    endpoint = serve()
    order("aws:sagemaker:fail-deployment", endpoint)
    cloud.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=serve.config())
    after = settled(endpoint)
    assert after["EndpointStatus"] == "InService"
    assert "did not pass the ping health check" in after["FailureReason"]


def test_a_deployment_stalls_until_the_fault_is_cleared(serve, cloud, settled, order, ask, endpoint) -> None:
    free, endpoint, client = endpoint, serve(f"{endpoint}-stalled"), cloud.client("sagemaker")
    experiment = order("aws:sagemaker:stall-deployment", endpoint)
    new = serve.config()
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    for _ in range(2):  # others begin later, do the same, and have long come to their end
        client.update_endpoint(EndpointName=free, EndpointConfigName=new)
        assert settled(free)["EndpointConfigName"] == new
    assert ask(endpoint, {"size": 2.5, "ward": "A"})[0]["label"] == "yes"
    described = client.describe_endpoint(EndpointName=endpoint)
    assert described["EndpointStatus"] == "Updating"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        client.delete_endpoint(EndpointName=endpoint)
    cloud.client("fis").stop_experiment(id=experiment)
    assert settled(endpoint)["EndpointConfigName"] == new


def test_a_rollback_that_fails_leaves_a_mix_that_an_update_mends(serve, cloud, settled, order, ask) -> None:
    endpoint, client, watch = serve(), cloud.client("sagemaker"), cloud.client("cloudwatch")
    before = settled(endpoint)["EndpointConfigName"]
    watch.put_metric_alarm(
        AlarmName=endpoint,
        Namespace="nothing",
        MetricName="nothing",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    order("aws:sagemaker:fail-rollback", endpoint)
    client.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=serve.config(), DeploymentConfig=rolling(60, endpoint)
    )

    def is_baking() -> bool:
        (pending,) = client.describe_endpoint(EndpointName=endpoint)["PendingDeploymentSummary"]["ProductionVariants"]
        return pending["VariantStatus"][0]["Status"] == "Baking"

    eventually(is_baking)
    watch.set_alarm_state(AlarmName=endpoint, StateValue="ALARM", StateReason="a test")
    after = settled(endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("UpdateRollbackFailed", before)
    assert "rollback failed" in after["FailureReason"]
    labels = {ask(endpoint, {"size": 2.5, "ward": "A"})[0]["label"] for _ in range(60)}
    assert labels == {"yes", "no"}
    watch.delete_alarms(AlarmNames=[endpoint])
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=before)
    mended = settled(endpoint)
    assert (mended["EndpointStatus"], "FailureReason" in mended) == ("InService", False)
    assert mended["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert {ask(endpoint, {"size": 2.5, "ward": "A"})[0]["label"] for _ in range(20)} == {"yes"}


def test_an_instance_of_nobody_cannot_be_terminated(cloud, order) -> None:
    experiment = order("aws:sagemaker:terminate-instance", "there-is-none")
    state = cloud.client("fis").get_experiment(id=experiment)["experiment"]["state"]
    assert state["status"] == "failed"
    assert "No endpoint there-is-none" in state["reason"]


def test_instances_of_one_configuration_can_be_disturbed_and_others_not(serve, cloud, settled, order, ask) -> None:
    endpoint, client, row = serve(), cloud.client("sagemaker"), {"size": 2.5, "ward": "A"}
    config = settled(endpoint)["EndpointConfigName"]
    before = ask(endpoint, row)
    order("aws:sagemaker:fail-invocations", endpoint, config="another")
    assert ask(endpoint, row) == before
    order("aws:sagemaker:delay-invocations", endpoint, config=config, delaySeconds="0.3", count="1")
    begun = time.perf_counter()
    assert ask(endpoint, row) == before
    assert time.perf_counter() - begun >= 0.3
    order("aws:sagemaker:lose-feature", endpoint, config=config, column="ward", count="1")
    lost, whole = ask(endpoint, row), ask(endpoint, {**row, "ward": None})
    assert lost == whole
    order("aws:sagemaker:fail-invocations", endpoint, config=config, count="1")
    with pytest.raises(ClientError) as failure:
        ask(endpoint, row)
    assert failure.value.response["OriginalStatusCode"] == 500
    assert ask(endpoint, row) == before
    assert client.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"
