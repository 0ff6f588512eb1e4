"""What the tests of tuning jobs share."""

import pytest
from botocore.exceptions import ClientError

SLEEP = "import time\ntime.sleep(600)"


def rates(low: str, high: str) -> dict:
    return {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": low, "MaxValue": high}]}


def categorical(**values: list[str]) -> dict:
    return {"CategoricalParameterRanges": [{"Name": name, "Values": each} for name, each in values.items()]}


def score(summary: dict) -> float:
    return summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]


def refused(code: str, words: str):
    return pytest.raises(ClientError, match=rf"\({code}\).*{words}")
