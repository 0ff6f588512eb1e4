import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from headgate.aws.errors import translated
from headgate.domain.errors import AccessDeniedError, HeadgateError, TransientError


def answer(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")


def translation_of(error: Exception) -> HeadgateError:
    with pytest.raises(HeadgateError) as caught, translated("write the ledger"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        answer("ThrottlingException"),
        answer("InternalServerError", 500),
        answer("InternalFailure", 500),
        answer("ServiceUnavailable", 503),
        answer("SlowDown", 503),
        answer("502", 502),
        exceptions.EndpointConnectionError(endpoint_url="https://example.com"),
        exceptions.ConnectTimeoutError(endpoint_url="https://example.com"),
        exceptions.ReadTimeoutError(endpoint_url="https://example.com"),
        exceptions.ConnectionClosedError(endpoint_url="https://example.com"),
    ],
)
def test_what_passes_by_itself_has_a_name_that_state_machines_retry(error: Exception) -> None:
    assert type(translation_of(error)) is TransientError
    assert "write the ledger" in str(translation_of(error))


def test_the_table_goes_before_the_status() -> None:
    assert isinstance(translation_of(answer("AccessDeniedException", 500)), AccessDeniedError)


def test_what_is_not_known_passes_unchanged() -> None:
    with pytest.raises(ClientError), translated("write the ledger"):
        raise answer("ValidationException")
