"""Every error Headgate raises, on one root. A message says what happened and what to do next."""


class HeadgateError(Exception):
    """Raised when Headgate cannot do what it was asked; the root of all its errors."""


class BadKeyError(HeadgateError):
    """Raised when an S3 key does not name a tenant, a project and an upload."""


class SettingsError(HeadgateError):
    """Raised when project.yaml does not hold what its schema allows."""


class ConflictError(HeadgateError):
    """Raised when a conditional write lost against another writer: read again, the other one's word stands."""


class NotFoundError(HeadgateError):
    """Raised when an object, a record or a resource that was named does not exist."""


class ThrottledError(HeadgateError):
    """Raised when AWS asks to come back later, after the client's own retries; state machines retry it by name."""


class AccessDeniedError(HeadgateError):
    """Raised when a role lacks a permission; the message names the call."""
