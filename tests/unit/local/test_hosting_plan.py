"""The steps of a deployment, from its configuration alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.hosting import plan

ONE = "main"


def instances(count: int) -> dict:
    return {"Type": "INSTANCE_COUNT", "Value": count}


def percent(value: int) -> dict:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def blue_green(kind: str, wait: int, termination: int, size: dict | None = None) -> dict:
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **({member: size} if member else {})}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}}


def rolling(size: dict, wait: int, back: dict | None = None) -> dict:
    more = {"RollbackMaximumBatchSize": back} if back else {}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait, **more}}


def told(steps) -> list[tuple[int, int, float, float]]:
    """Of each step: old instances, new instances, share of the traffic, seconds of baking."""
    return [(step.old[ONE], step.new[ONE], round(step.share(ONE), 3), step.wait) for step in steps]


@pytest.mark.parametrize(
    ("deployment", "old", "new", "expected"),
    [
        ({}, 2, 3, [(0, 3, 1.0, 0)]),
        (blue_green("ALL_AT_ONCE", 9, 60), 2, 3, [(0, 3, 1.0, 60)]),
        (blue_green("CANARY", 10, 60, instances(1)), 4, 4, [(4, 4, 0.25, 10), (0, 4, 1.0, 60)]),
        (blue_green("CANARY", 10, 0, percent(30)), 4, 4, [(4, 4, 0.25, 10), (0, 4, 1.0, 0)]),
        (blue_green("CANARY", 10, 0, percent(30)), 2, 2, [(2, 2, 0.5, 10), (0, 2, 1.0, 0)]),
        (
            blue_green("LINEAR", 10, 60, percent(34)),
            3,
            3,
            [(3, 3, 0.333, 10), (3, 3, 0.667, 10), (0, 3, 1.0, 60)],
        ),
        (blue_green("LINEAR", 10, 60, percent(50)), 5, 5, [(5, 5, 0.4, 10), (5, 5, 0.8, 10), (0, 5, 1.0, 60)]),
        (rolling(instances(2), 5), 4, 4, [(2, 2, 0.5, 5), (0, 4, 1.0, 5)]),
        (rolling(percent(50), 5), 5, 5, [(3, 2, 0.4, 5), (1, 4, 0.8, 5), (0, 5, 1.0, 5)]),
        (rolling(instances(2), 5), 2, 4, [(1, 2, 0.5, 5), (0, 4, 1.0, 5)]),
    ],
)
def test_the_steps_of_every_kind_of_deployment(deployment, old, new, expected) -> None:
    assert told(plan.steps(deployment, {ONE: old}, {ONE: new})) == expected


@pytest.mark.parametrize(
    ("deployment", "now", "expected"),
    [
        (blue_green("CANARY", 10, 0, instances(1)), (4, 4), [(4, 0, 0.0, 0)]),
        (rolling(instances(2), 5), (2, 4), [(4, 0, 0.0, 0)]),
        (rolling(instances(2), 5, instances(1)), (2, 4), [(3, 1, 0.25, 0), (4, 0, 0.0, 0)]),
        (rolling(instances(1), 5, percent(100)), (1, 3), [(4, 0, 0.0, 0)]),
    ],
)
def test_the_way_back_of_every_kind_of_deployment(deployment, now, expected) -> None:
    back = plan.way_back(deployment, ({ONE: now[0]}, {ONE: now[1]}), {ONE: 4}, {ONE: 4})
    assert told(back) == expected


def test_variants_go_together_and_the_smaller_one_waits() -> None:
    deployment = blue_green("LINEAR", 10, 0, instances(1))
    steps = plan.steps(deployment, {"a": 4, "b": 2}, {"a": 4, "b": 2})
    assert [(step.share("a"), step.share("b")) for step in steps] == [(0.25, 0.5), (0.5, 1.0), (0.75, 1.0), (1.0, 1.0)]


def test_a_variant_that_only_one_fleet_knows_goes_with_the_fleet() -> None:
    (step,) = plan.steps({}, {"old": 2}, {"new": 1})
    assert (step.share("old"), step.share("new"), step.old) == (1.0, 1.0, {"old": 0})


def test_a_serverless_variant_comes_back_whole() -> None:
    (step,) = plan.way_back({}, ({ONE: 0}, {ONE: 0}), {ONE: 0}, {ONE: 0})
    assert step.share(ONE) == 0.0


sizes = st.one_of(
    st.integers(1, 100).map(percent),
    st.integers(1, 30).map(instances),
)
deployments = st.one_of(
    st.builds(
        blue_green, st.sampled_from(["CANARY", "LINEAR", "ALL_AT_ONCE"]), st.integers(0, 99), st.integers(0, 99), sizes
    ),
    st.builds(rolling, sizes, st.integers(0, 99), st.one_of(st.none(), sizes)),
)
counts = st.integers(1, 30)


def allowed(deployment: dict, new: int) -> bool:
    variants = [{"VariantName": ONE, "InstanceType": "ml.m5.large"}]
    try:
        plan.check(deployment, [ONE], variants, {ONE: new})
    except ApiError:
        return False
    return True


@given(deployments, counts, counts)
def test_every_deployment_that_is_let_pass_comes_to_its_end(deployment, old, new) -> None:
    if not allowed(deployment, new):
        return
    steps = told(plan.steps(deployment, {ONE: old}, {ONE: new}))
    shares = [share for _, _, share, _ in steps]
    assert shares == sorted(set(shares)), "traffic only ever moves to the new fleet"
    assert steps[-1][:3] == (0, new, 1.0)
    assert all(0 < share <= 1 for share in shares)
    assert all(later[0] <= before[0] and later[1] >= before[1] for before, later in itertools.pairwise(steps))


@given(sizes, counts)
def test_a_rolling_deployment_needs_one_batch_more_and_never_runs_short(size, count) -> None:
    deployment = rolling(size, 0)
    if not allowed(deployment, count):
        return
    batch = plan.instances(size, count)
    old, new = count, 0
    for step in plan.steps(deployment, {ONE: count}, {ONE: count}):
        assert step.new[ONE] - new <= batch
        assert old + step.new[ONE] <= count + batch
        old, new = step.old[ONE], step.new[ONE]
        assert old + new == count


@given(deployments, counts, counts, st.data())
def test_from_every_step_there_is_a_way_back(deployment, old, new, data) -> None:
    if not allowed(deployment, new):
        return
    step = data.draw(st.sampled_from(plan.steps(deployment, {ONE: old}, {ONE: new})))
    back = told(plan.way_back(deployment, (step.old, step.new), {ONE: old}, {ONE: new}))
    shares = [step.share(ONE), *(share for _, _, share, _ in back)]
    assert back[-1][:3] == (old, 0, 0.0)
    assert all(after <= before + 1e-3 for before, after in itertools.pairwise(shares))
    assert all(now_old <= old and now_new <= new for now_old, now_new, _, _ in back)


@given(sizes, counts)
def test_the_bounds_of_a_canary_are_those_of_its_instances(size, count) -> None:
    deployment = blue_green("CANARY", 0, 0, size)
    if allowed(deployment, count):
        assert plan.instances(size, count) <= count / 2
    assert not allowed(deployment, 1)
