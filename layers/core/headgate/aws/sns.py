"""SNS: the one message that tells people how a dataset ended."""

from typing import Any

from headgate.aws.errors import translated


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
