"""Requests of our own to an endpoint."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.domain.captures import PROBE


@dataclass(frozen=True, slots=True)
class Reply:
    """Whether the model answered, and its answer to the row; None when it failed or refused the row."""

    failed: bool
    answer: Any = None


class Requests:
    """Asks endpoints as anybody may."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ask(self, endpoint: str, row: Mapping[str, Any]) -> Reply:
        """Send one row, as a request of our own by its id.

        A model that fails is a reply too; that the call was not allowed, or never arrived, is not.
        """
        body, name = json.dumps({"instances": [row]}), f"{PROBE}{uuid.uuid4().hex}"
        try:
            with translated(f"ask the endpoint {endpoint}"):
                answer = self._client.invoke_endpoint(
                    EndpointName=endpoint,
                    ContentType="application/json",
                    Accept="application/json",
                    InferenceId=name,
                    Body=body,
                )
        except ClientError as error:
            if code_of(error) == "ModelError":
                return Reply(failed=int(error.response.get("OriginalStatusCode", 500)) >= 500)
            if code_of(error) == "ValidationError":
                return Reply(failed=False)
            raise
        return Reply(failed=False, answer=json.loads(answer["Body"].read())["predictions"][0])
