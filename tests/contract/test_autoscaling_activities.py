"""Scaling as it happens: alarms change how many servers a variant has, within bounds, cool-downs and suspensions."""

import time

import pytest
from contract.endings import acted
from contract.live import serving
from waiting import eventually

TRACKING, STEP = "TargetTrackingScaling", "StepScaling"


@pytest.fixture
def register(scaling, variant):
    """Registers the variant between these bounds."""

    def put(low: int, high: int, **members) -> None:
        scaling.register_scalable_target(**variant, MinCapacity=low, MaxCapacity=high, **members)

    return put


@pytest.fixture
def count(cloud, endpoint):
    """How many instances the variant has; 0 while it is on its way to another number."""

    def look() -> int:
        found = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        shown = found["ProductionVariants"][0]
        return shown["CurrentInstanceCount"] if found["EndpointStatus"] == "InService" else 0

    return look


@pytest.fixture
def activities(scaling, variant):
    """The variant's scaling activities that have ended, the newest first."""

    def look(**members) -> list[dict]:
        found = scaling.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=variant["ResourceId"], **members
        )
        return [each for each in found["ScalingActivities"] if each["StatusCode"] != "InProgress"]

    return look


@pytest.fixture
def not_scaled(activities):
    """Waits for a record of what was not scaled; answers its reason."""

    def wait() -> dict:
        def look():
            found = [each for each in activities(IncludeNotScaledActivities=True) if "NotScaledReasons" in each]
            return found[0]["NotScaledReasons"][0] if found else None

        return eventually(look)

    return wait


@pytest.fixture
def track(scaling, variant, name):
    """Tracks a metric of the test's own at 100; cool-downs are short unless given."""

    def put(metric: str = "Load", **config) -> dict:
        specification = {"Namespace": name, "MetricName": metric, "Statistic": "Average"}
        wanted = {"ScaleOutCooldown": 0, "ScaleInCooldown": 0} | config
        return scaling.put_scaling_policy(
            **variant,
            PolicyName=f"track-{metric}",
            PolicyType=TRACKING,
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 100.0,
                "CustomizedMetricSpecification": specification,
                **wanted,
            },
        )

    return put


@pytest.fixture
def measure(cloud, name):
    """Publishes a value for each of the last minutes, as if it had been measured then."""

    def publish(value: float, minutes: int, metric: str = "Load") -> None:
        now = time.time()
        data = [{"MetricName": metric, "Timestamp": now - 60 * back, "Value": value} for back in range(minutes + 1)]
        cloud.client("cloudwatch").put_metric_data(Namespace=name, MetricData=data)

    return publish


def test_registering_brings_capacity_within_the_bounds(register, count, activities, cloud) -> None:
    before = len(serving(cloud))
    register(2, 3)
    first = eventually(activities)[0]
    assert (first["StatusCode"], count(), len(serving(cloud))) == ("Successful", 2, before + 1)
    assert first["Cause"] == "minimum capacity was set to 2"
    assert first["Description"] == "Setting desired instance count to 2."
    assert first["EndTime"] >= first["StartTime"]
    register(1, 1)
    eventually(lambda: count() == 1)
    eventually(lambda: len(serving(cloud)) == before)
    assert eventually(lambda: len(activities()) == 2)
    assert activities()[0]["Cause"] == "maximum capacity was set to 1"


def test_tracking_scales_out_in_proportion_to_the_metric(register, track, measure, count, activities) -> None:
    register(1, 4)
    response = track()
    measure(250.0, minutes=3)
    activity = eventually(activities)[0]
    high = next(alarm["AlarmName"] for alarm in response["Alarms"] if "AlarmHigh" in alarm["AlarmName"])
    assert activity["Cause"] == f"monitor alarm {high} in state ALARM triggered policy track-Load"
    assert activity["StatusCode"] == "Successful"
    assert (
        activity["StatusMessage"]
        == "Successfully set desired instance count to 3. Change successfully fulfilled by sagemaker."
    )
    assert count() == 3


def test_tracking_scales_in_by_one(register, track, measure, count, activities) -> None:
    register(3, 4)
    eventually(lambda: count() == 3)
    register(1, 4)
    track()
    measure(10.0, minutes=15)
    eventually(lambda: count() == 2)
    eventually(lambda: len(activities()) == 2)
    assert "AlarmLow" in activities()[0]["Cause"]


def test_capacity_stays_within_its_bounds(register, track, measure, not_scaled, count, activities) -> None:
    register(1, 2)
    track(ScaleOutCooldown=300)
    measure(1000.0, minutes=3)
    eventually(lambda: count() == 2)
    eventually(activities)
    track("Other")
    measure(1000.0, 3, "Other")
    assert not_scaled() == {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 2}
    assert count() == 2


def test_tracking_does_not_scale_in_what_it_would_have_to_scale_out(
    register, track, measure, count, not_scaled
) -> None:
    register(2, 4)
    eventually(lambda: count() == 2)
    register(1, 4)
    track()
    measure(80.0, minutes=15)
    assert not_scaled() == {"Code": "AutoScalingAnticipatedFlapping"}


def test_all_tracking_policies_must_want_to_scale_in(register, track, measure, count, not_scaled) -> None:
    register(2, 4)
    eventually(lambda: count() == 2)
    register(1, 4)
    track("Busy")
    track("Idle")
    measure(95.0, 15, "Busy")
    measure(1.0, 15, "Idle")
    assert not_scaled() == {"Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": 2}


def test_suspended_scaling_waits_until_it_is_resumed(register, track, measure, cloud, count, activities) -> None:
    register(1, 4, SuspendedState={"DynamicScalingOutSuspended": True})
    high = track()["Alarms"][0]["AlarmName"]
    measure(250.0, minutes=3)
    acted(cloud, high)
    register(2, 4)  # which scales after the alarm did not
    eventually(lambda: count() == 2)
    eventually(activities)
    assert [each["Cause"] for each in activities(IncludeNotScaledActivities=True)] == ["minimum capacity was set to 2"]


@pytest.fixture
def updating(cloud, endpoint, archives, make_config, order, settled):
    """The endpoint is being updated; answers what lets the update come to its end, which it waits for."""
    stalled = order("aws:sagemaker:stall-deployment", endpoint)
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    cloud.client("sagemaker").update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=make_config({"main": archives["down"]}),
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )

    def end() -> dict:
        cloud.client("fis").stop_experiment(id=stalled)
        return settled(endpoint)

    return end


def test_scaling_is_blocked_while_the_endpoint_is_updated(register, track, updating, measure, not_scaled) -> None:
    register(1, 4)
    track()
    measure(250.0, minutes=3)
    assert not_scaled() == {"Code": "TargetServicePutResourceAsUnscalable"}
    assert updating()["ProductionVariants"][0]["CurrentInstanceCount"] == 1


def test_bounds_that_are_set_while_the_endpoint_is_updated_are_kept_afterwards(
    register, updating, activities, count
) -> None:
    register(2, 4)
    assert activities() == []
    updating()
    eventually(lambda: count() == 2)
    assert eventually(activities)[0]["Cause"] == "minimum capacity was set to 2"


def test_a_scaling_that_fails_says_why(register, order, endpoint, activities, count) -> None:
    order("aws:sagemaker:exhaust-capacity", endpoint)
    register(2, 4)
    activity = eventually(activities)[0]
    assert activity["StatusCode"] == "Failed"
    assert activity["StatusMessage"].startswith("Failed to set desired instance count to 2. Reason: ")
    assert "capacity" in activity["StatusMessage"].partition("Reason")[2]
    eventually(lambda: count() == 1)


@pytest.fixture
def step(cloud, scaling, variant, name):
    """A step policy that changes capacity by this much, and an alarm on the calls of ten seconds that invokes it."""
    put_alarms = []

    def put(policy: str, change: int, **alarm) -> None:
        bound = "MetricIntervalLowerBound" if change > 0 else "MetricIntervalUpperBound"
        config = {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{bound: 0, "ScalingAdjustment": change}],
            "Cooldown": 0,
        }
        arn = scaling.put_scaling_policy(
            **variant, PolicyName=policy, PolicyType=STEP, StepScalingPolicyConfiguration=config
        )["PolicyARN"]
        cloud.client("cloudwatch").put_metric_alarm(
            AlarmName=f"{name}-{policy}",
            Namespace=name,
            MetricName="Calls",
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            AlarmActions=[arn],
            **alarm,
        )
        put_alarms.append(f"{name}-{policy}")

    yield put
    cloud.client("cloudwatch").delete_alarms(AlarmNames=put_alarms)


def test_what_is_not_scaled_is_recorded_once_until_something_is(
    cloud, name, register, step, count, not_scaled, activities
) -> None:
    register(1, 1)
    step("out", 2, Threshold=10, ComparisonOperator="GreaterThanThreshold")
    watch = cloud.client("cloudwatch")
    for times in (1, 2):
        watch.set_alarm_state(AlarmName=f"{name}-out", StateValue="ALARM", StateReason="rehearsal")
        eventually(lambda times=times: len(acted(cloud, f"{name}-out")) == times)
        assert not_scaled() == {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 1}
        watch.set_alarm_state(AlarmName=f"{name}-out", StateValue="OK", StateReason="rehearsal")
    register(2, 2)
    eventually(lambda: count() == 2)
    eventually(activities)
    codes = [each["StatusCode"] for each in activities(IncludeNotScaledActivities=True)]
    assert codes == ["Successful", "Failed"]


def test_an_alarm_that_is_set_by_hand_takes_the_smallest_step(cloud, name, register, step, count, activities) -> None:
    register(1, 4)
    step("out", 2, Threshold=10, ComparisonOperator="GreaterThanThreshold")
    cloud.client("cloudwatch").set_alarm_state(AlarmName=f"{name}-out", StateValue="ALARM", StateReason="rehearsal")
    eventually(activities)
    assert count() == 3
