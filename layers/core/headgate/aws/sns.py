"""SNS: the one message that tells people how a dataset ended."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.domain.errors import AccessDeniedError, NotFoundError


class Topic:
    """The topic that people subscribe to."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, subject: str, message: str, attributes: dict[str, str]) -> None:
        """Publish; `attributes` let subscribers filter. The subject is cut to the 100 ASCII characters SNS allows."""
        plain = subject.encode("ascii", "replace").decode()[:100]
        with translated("notify people"):
            self._client.publish(
                TopicArn=self._arn,
                Subject=plain,
                Message=message,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )


_CLOSED = {f"KMS{why}" for why in ("AccessDenied", "Disabled", "InvalidState", "NotFound", "OptInRequired")}
"""What SNS says of a topic whose key cannot be used (Publish, API reference); KMSThrottling passes."""


class Topics(Topic):
    """The system's topic, and then the tenant's own.

    A tenant whose topic or key is gone, closed or older than the system holds nobody else's message up: `missed` is
    told why. What passes by itself is raised, and the message comes again to both.
    """

    def __init__(self, system: Topic, own: Topic, missed: Callable[[str], None]) -> None:
        self._system, self._own, self._missed = system, own, missed

    def publish(self, subject: str, message: str, attributes: dict[str, str]) -> None:
        """Publish on both."""
        self._system.publish(subject, message, attributes)
        try:
            self._own.publish(subject, message, attributes)
        except (NotFoundError, AccessDeniedError) as error:
            self._missed(str(error))
        except ClientError as error:
            if code_of(error) not in _CLOSED:
                raise
            self._missed(code_of(error))
