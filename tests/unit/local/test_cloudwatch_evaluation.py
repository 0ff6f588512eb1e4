"""When an alarm rings: the examples of AWS's documentation, and the rules behind them."""

import pytest

from headgate_local.cloudwatch.evaluation import ALARM, INSUFFICIENT_DATA, OK, Rule, has_too_few_samples, is_final

RETAIN = "retain"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
THREE_OF_THREE = [
    ("0 - X - X", OK, OK, OK, OK),
    ("0 - - - -", OK, OK, OK, OK),
    ("- - - - -", INSUFFICIENT_DATA, RETAIN, ALARM, OK),
    ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
    ("- - - - X", INSUFFICIENT_DATA, RETAIN, ALARM, OK),
    ("- - X - -", ALARM, RETAIN, ALARM, OK),
    ("X - - - -", ALARM, RETAIN, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", OK, OK, ALARM, OK),
    ("- - - - 0", OK, OK, ALARM, OK),
    ("- - - X -", ALARM, RETAIN, ALARM, OK),
    ("- - - - X", INSUFFICIENT_DATA, RETAIN, ALARM, OK),
]
CASES = [
    pytest.param(m, drawn, treatment, state, id=f"{m} of 3, {drawn}, {treatment}")
    for m, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for drawn, *states in table
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


@pytest.mark.parametrize(("m", "drawn", "treatment", "state"), CASES)
@pytest.mark.parametrize("current", [OK, ALARM, INSUFFICIENT_DATA])
def test_the_documented_examples_of_missing_data(m, drawn, treatment, state, current) -> None:
    rule = Rule(0.5, "GreaterThanThreshold", m, 3, treatment)
    points = [{"0": 0.0, "X": 1.0, "-": None}[each] for each in drawn.split()]
    assert len(points) == rule.range
    assert rule.state(points, current) == (current if state == RETAIN else state)


@pytest.mark.parametrize(
    ("operator", "breaching", "within"),
    [
        ("GreaterThanThreshold", 2.1, 2.0),
        ("GreaterThanOrEqualToThreshold", 2.0, 1.9),
        ("LessThanThreshold", 1.9, 2.0),
        ("LessThanOrEqualToThreshold", 2.0, 2.1),
    ],
)
def test_operators_at_the_threshold(operator, breaching, within) -> None:
    rule = Rule(2.0, operator, 1, 1)
    assert rule.breaches(breaching)
    assert not rule.breaches(within)


@pytest.mark.parametrize(
    ("operator", "statistic", "low", "final"),
    [
        ("GreaterThanThreshold", "Sum", 0.0, True),
        ("GreaterThanThreshold", "Sum", -1.0, False),
        ("GreaterThanThreshold", "Maximum", -1.0, True),
        ("GreaterThanOrEqualToThreshold", "SampleCount", 0.0, True),
        ("GreaterThanThreshold", "Average", 0.0, False),
        ("GreaterThanThreshold", "p99", 0.0, False),
        ("GreaterThanThreshold", "Minimum", 0.0, False),
        ("LessThanThreshold", "Minimum", 0.0, True),
        ("LessThanThreshold", "Sum", 0.0, False),
    ],
)
def test_only_what_cannot_be_undone_counts_before_the_end_of_a_period(operator, statistic, low, final) -> None:
    assert is_final(operator, statistic, low) is final


@pytest.mark.parametrize(
    ("statistic", "samples", "too_few"),
    [
        ("p99", 999, True),
        ("p99", 1001, False),
        ("p50", 19, True),
        ("p10", 99, True),
        ("p10", 101, False),
        ("Average", 1, False),
        ("p100", 1, False),
    ],
)
def test_a_percentile_needs_ten_samples_beyond_it(statistic, samples, too_few) -> None:
    assert has_too_few_samples(statistic, samples) is too_few
