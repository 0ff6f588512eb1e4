import boto3
import pytest

from headgate.aws.events import Bus
from headgate.domain.errors import TransientError


def test_an_event_that_the_bus_did_not_take_is_an_error_though_the_call_succeeded(aws: boto3.Session) -> None:
    client = aws.client("events")
    Bus(client).put("ReleasePromoted", {"tenant": "demo"})

    class Refusing:
        def put_events(self, Entries: list[dict[str, str]]) -> dict[str, object]:
            assert (Entries[0]["Source"], Entries[0]["EventBusName"]) == ("headgate", "default")
            refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Too many."}
            return {"FailedEntryCount": 1, "Entries": [refused]}

    with pytest.raises(TransientError, match="ThrottlingException: Too many"):
        Bus(Refusing()).put("ReleasePromoted", {})
