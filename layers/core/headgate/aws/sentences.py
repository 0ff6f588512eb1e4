"""What SageMaker says when it refuses: one code stands for many reasons, so that only its words tell them apart."""

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of

ABSENT = ("Could not find", "does not exist")
EXISTS = "already exist"


def says(error: ClientError, *sentences: str) -> bool:
    """Whether SageMaker refused with one of these sentences."""
    message = str(error.response["Error"].get("Message", ""))
    return code_of(error) in {"ValidationException", "ResourceNotFound"} and any(text in message for text in sentences)
