"""Where AWS's errors become ours: one table, one context manager, used by every adapter."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from headgate.domain.errors import (
    AccessDeniedError,
    ConflictError,
    HeadgateError,
    NotFoundError,
    ThrottledError,
)

_BY_CODE: dict[str, type[HeadgateError]] = {
    "AccessDenied": AccessDeniedError,
    "AccessDeniedException": AccessDeniedError,
    "AuthorizationError": AccessDeniedError,
    "403": AccessDeniedError,
    "404": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchVersion": NotFoundError,
    "NoSuchBucket": NotFoundError,
    "ResourceNotFound": NotFoundError,
    "ResourceNotFoundException": NotFoundError,
    "ConditionalCheckFailedException": ConflictError,
    "TransactionCanceledException": ConflictError,
    "TransactionConflictException": ConflictError,
    "ConflictException": ConflictError,
    "ProvisionedThroughputExceededException": ThrottledError,
    "RequestLimitExceeded": ThrottledError,
    "SlowDown": ThrottledError,
    "Throttling": ThrottledError,
    "ThrottlingException": ThrottledError,
    "TooManyRequestsException": ThrottledError,
}


def code_of(error: ClientError) -> str:
    """The error code that AWS answered with."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn a known ClientError into ours; `doing` completes the sentence "AWS refused to ...".

    Raises:
        HeadgateError: of the kind the table gives; other ClientErrors pass unchanged.
    """
    try:
        yield
    except ClientError as error:
        kind = _BY_CODE.get(code_of(error))
        if kind is None:
            raise
        raise kind(f"AWS refused to {doing}: {error.response['Error'].get('Message', code_of(error))}") from error
