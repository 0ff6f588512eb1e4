"""Requests for CloudWatch on the wire: what cannot be read is refused, whatever it is."""

import json

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.cloudwatch import wire

HEADERS = {"x-amz-target": "GraniteServiceVersion20100801.PutMetricData", "content-type": "application/x-amz-json-1.0"}


@pytest.mark.parametrize("value", ["1" + "0" * 400, "[", '"yesterday"'])
def test_what_cannot_be_read_is_refused(value) -> None:
    member = "Timestamp" if "yesterday" in value else "Value"
    body = f'{{"Namespace": "N", "MetricData": [{{"MetricName": "M", "{member}": {value}}}]}}'.encode()
    with pytest.raises(ApiError, match="SerializationException"):
        wire.read("/", HEADERS, body, {})


def test_numbers_are_read_as_their_types() -> None:
    data = [{"MetricName": "M", "Value": 3}, {"MetricName": "M", "Value": "-Infinity"}]
    _, request = wire.read("/", HEADERS, json.dumps({"Namespace": "N", "MetricData": data}).encode(), {})
    assert [repr(datum["Value"]) for datum in request["MetricData"]] == ["3.0", "-inf"]
