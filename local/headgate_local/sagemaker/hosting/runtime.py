"""InvokeEndpoint: from the request on the wire to the container and back."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ministack.core.responses import get_account_id, get_region

from headgate_local.sagemaker.errors import ApiError
from headgate_local.sagemaker.hosting.fleet import FleetRetired, NoSuchVariant
from headgate_local.sagemaker.hosting.instance import Answer, InstanceGone
from headgate_local.sagemaker.resources import arn

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

Response = tuple[int, dict[str, str], bytes]
CONTAINER_HEADERS = {
    "x-amzn-sagemaker-custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "x-amzn-sagemaker-inference-id": "X-Amzn-SageMaker-Inference-Id",
}
LARGEST = 25 * 1024 * 1024
"""Bytes of a request's body, as on AWS."""


def endpoint_of(path: str) -> str | None:
    """The endpoint that ``/endpoints/<name>/invocations`` names, or None for any other path."""
    parts = path.strip("/").split("/")
    return unquote(parts[1]) if len(parts) == 3 and (parts[0], parts[2]) == ("endpoints", "invocations") else None


async def invoke(sagemaker: "SageMaker", name: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer one InvokeEndpoint."""
    try:
        if len(body) > LARGEST:
            raise ApiError("ValidationError", f"The request body is larger than {LARGEST} bytes.", status=413)
        loop, endpoint = asyncio.get_running_loop(), arn("endpoint", name)
        asked = await loop.run_in_executor(sagemaker.threads, _ask, sagemaker, endpoint, headers, body)
        if asked is None:
            raise ApiError("ValidationError", f"Endpoint {name} of account {get_account_id()} not found.")
        variant, answer = asked
        if answer.status >= 400:
            raise _model_error(name, answer)
        return 200, _response_headers(answer, variant, headers), answer.body
    except ApiError as error:
        return refusal(error)


def refusal(error: ApiError) -> Response:
    """An error of the runtime's REST protocol, which names the code in a header."""
    headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps({"Message": error.message, **error.members}).encode()


def _ask(sagemaker: "SageMaker", endpoint: str, headers: Mapping[str, str], body: bytes) -> tuple[str, Answer] | None:
    """The variant that answered, and its answer; None if the endpoint has no fleet."""
    target = headers.get("x-amzn-sagemaker-target-variant")
    passed = {shown: headers[name] for name, shown in CONTAINER_HEADERS.items() if name in headers}
    passed["Content-Type"] = headers.get("content-type", "application/octet-stream")
    passed["Accept"] = headers.get("accept", "application/json")
    while fleet := sagemaker.fleets.get(endpoint):
        try:
            with fleet.instance(target) as (variant, instance):
                return variant, instance.invoke(body, passed)
        except FleetRetired:
            continue
        except NoSuchVariant:
            raise ApiError("ValidationError", f"Could not find variant {target} of the endpoint.") from None
        except TimeoutError:
            message = "Your invocation timed out while waiting for a response from container primary."
            raise ApiError("ModelError", message, 424, OriginalStatusCode=0, OriginalMessage=message) from None
        except InstanceGone:
            raise ApiError("ServiceUnavailable", "The instance is starting again.", status=503) from None
    return None


def _model_error(endpoint: str, answer: Answer) -> ApiError:
    text = answer.body.decode("utf-8", "replace")
    side = "client" if answer.status < 500 else "server"
    region, account = get_region(), get_account_id()
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    message = (
        f'Received {side} error ({answer.status}) from primary with message "{text}". See https://{region}.'
        f"console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} in account "
        f"{account} for more information."
    )
    return ApiError(
        "ModelError",
        message,
        424,
        OriginalStatusCode=answer.status,
        OriginalMessage=text,
        LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}",
    )


def _response_headers(answer: Answer, variant: str, request: Mapping[str, str]) -> dict[str, str]:
    headers = {"Content-Type": answer.content_type, "x-Amzn-Invoked-Production-Variant": variant}
    if custom := request.get("x-amzn-sagemaker-custom-attributes"):
        headers["X-Amzn-SageMaker-Custom-Attributes"] = custom
    return headers
