"""Where AWS's errors become ours: one table, one context manager, used by every adapter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions
from botocore.exceptions import ClientError

from headgate.domain.errors import (
    AccessDeniedError,
    ConflictError,
    HeadgateError,
    NotFoundError,
    TransientError,
)

_BY_CODE: dict[str, type[HeadgateError]] = {
    "AccessDenied": AccessDeniedError,
    "AccessDeniedException": AccessDeniedError,
    "AuthorizationError": AccessDeniedError,
    "403": AccessDeniedError,
    "404": NotFoundError,
    "NotFound": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchVersion": NotFoundError,
    "NoSuchBucket": NotFoundError,
    "ResourceNotFound": NotFoundError,
    "ResourceNotFoundException": NotFoundError,
    "ObjectNotFoundException": NotFoundError,
    "ConditionalCheckFailedException": ConflictError,
    "TransactionCanceledException": ConflictError,
    "TransactionConflictException": ConflictError,
    "ConflictException": ConflictError,
    "ConcurrentUpdateException": ConflictError,
    "ConditionalRequestConflict": TransientError,
    "FailedResourceAccessException": TransientError,
    "ProvisionedThroughputExceededException": TransientError,
    "RequestLimitExceeded": TransientError,
    "RequestTimeout": TransientError,
    "RequestTimeoutException": TransientError,
    "SlowDown": TransientError,
    "Throttling": TransientError,
    "ThrottlingException": TransientError,
    "ThrottledException": TransientError,
    "TooManyRequestsException": TransientError,
}


def code_of(error: ClientError) -> str:
    """The error code that AWS answered with."""
    return str(error.response.get("Error", {}).get("Code", ""))


def kind_of(error: Exception) -> str:
    """An error in one word that may be told to anybody: AWS's code, or its class. Its words may quote anything."""
    return (isinstance(error, ClientError) and code_of(error)) or type(error).__name__


def accepted(doing: str, write: Callable[..., object], *given: Any, **how: Any) -> bool:
    """Make a write on a condition; False where the condition (of a transaction, that of its first item) refused it.

    Raises:
        ConflictError: when another transaction was under way on the same item, so that it is not known yet what the
            condition would have said; try again.
        HeadgateError: as `translated`.
    """
    try:
        with translated(doing):
            write(*given, **how)
    except ConflictError as error:
        if not _was_refused(error):
            raise
        return False
    return True


def _was_refused(error: ConflictError) -> bool:
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return False
    first: dict[str, str] = next(iter(cause.response.get("CancellationReasons", [])), {})
    return "ConditionalCheckFailed" in (code_of(cause).removesuffix("Exception"), first.get("Code"))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn a known error into ours; `doing` completes the sentence "AWS refused to ...".

    Raises:
        HeadgateError: of the kind the table gives, TransientError for faults of AWS's own (status 5xx, whatever their
            code) and for connections that broke; other ClientErrors pass unchanged.
    """
    try:
        yield
    except ClientError as error:
        kind = _BY_CODE.get(code_of(error)) or (TransientError if _is_fault(error) else None)
        if kind is None:
            raise
        raise kind(f"AWS refused to {doing}: {error.response['Error'].get('Message', code_of(error))}") from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise TransientError(f"The connection to AWS broke on the attempt to {doing}; try again.") from error


def _is_fault(error: ClientError) -> bool:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
