"""The one error of the local SageMaker: a refusal in AWS's own code and words."""

from typing import Any


class ApiError(Exception):
    """Raised when a request is refused; holds what AWS answers (``members`` are further members of the error)."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


def invalid(message: str) -> ApiError:
    """A ValidationException: what SageMaker answers to most refused requests."""
    return ApiError("ValidationException", message)


def unsupported(feature: str) -> ApiError:
    """The refusal of something that AWS knows and the local cloud does not; it is never ignored in silence."""
    return ApiError("UnsupportedOperationException", f"The local cloud does not support {feature}.")
