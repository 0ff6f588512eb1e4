"""InvokeEndpoint: from the request on the wire to the container and back."""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ministack.core.responses import get_account_id, get_region

from headgate_local.api.errors import ApiError, unsupported
from headgate_local.sagemaker.hosting.instances import Closed, Instance, NoneUp
from headgate_local.sagemaker.hosting.live import LiveEndpoint, NoSuchVariant
from headgate_local.sagemaker.hosting.server import Answer, InstanceGone, NotServable
from headgate_local.sagemaker.hosting.serverless import TooManyRequests
from headgate_local.sagemaker.hosting.telemetry import Note
from headgate_local.sagemaker.hosting.variant import Variant
from headgate_local.sagemaker.resources import arn

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

Response = tuple[int, dict[str, str], bytes]
CONTAINER_HEADERS = {
    "x-amzn-sagemaker-custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "x-amzn-sagemaker-inference-id": "X-Amzn-SageMaker-Inference-Id",
}
NOT_SUPPORTED = {
    "x-amzn-sagemaker-target-model": "TargetModel",
    "x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
    "x-amzn-sagemaker-inference-component": "InferenceComponentName",
    "x-amzn-sagemaker-session-id": "SessionId",
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-prefix-aware-id": "PrefixAwareId",
}
LONGEST = {
    "x-amzn-sagemaker-inference-id": ("InferenceId", 64),
    "x-amzn-sagemaker-custom-attributes": ("CustomAttributes", 1024),
}
"""Characters that the API's model allows in a header."""
LARGEST = 25 * 1024 * 1024
"""Bytes of a request's body, by the developer guide (hosting FAQs); the model of the API says 6,291,456."""
LARGEST_SERVERLESS = 4 * 1024 * 1024
"""The same of a serverless endpoint, by the developer guide (serverless-endpoints-invoke)."""


@dataclass(frozen=True)
class Request:
    """One invocation."""

    received: float
    """By time.perf_counter()."""
    content_type: str
    body: bytes
    headers: dict[str, str]
    """Those that the container gets."""
    target: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes) -> "Request":
        """The request on the wire, received now; raises ApiError for what the local cloud cannot do."""
        received = time.perf_counter()
        for header, feature in NOT_SUPPORTED.items():
            if header in headers:
                raise unsupported(f"{feature} of InvokeEndpoint")
        if len(body) > LARGEST:
            raise _too_large(LARGEST)
        for header, (name, longest) in LONGEST.items():
            if len(headers.get(header, "")) > longest:
                raise ApiError("ValidationError", f"{name} must have length less than or equal to {longest}.")
        passed = {shown: headers[name] for name, shown in CONTAINER_HEADERS.items() if name in headers}
        content_type = headers.get("content-type", "application/octet-stream")
        passed["Content-Type"] = content_type
        passed["Accept"] = headers.get("accept", "application/json")
        target = headers.get("x-amzn-sagemaker-target-variant")
        return cls(received, content_type, body, passed, target)


def endpoint_of(path: str) -> str | None:
    """The endpoint that ``/endpoints/<name>/invocations`` names, or None for any other path."""
    parts = path.strip("/").split("/")
    return unquote(parts[1]) if len(parts) == 3 and (parts[0], parts[2]) == ("endpoints", "invocations") else None


async def invoke(sagemaker: "SageMaker", name: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer one InvokeEndpoint. The name must be written as it was when the endpoint was made, as on AWS."""
    try:
        request = Request.of(headers, body)
        live = sagemaker.hosting.endpoints.get(arn("endpoint", name))
        asked = None
        if live and live.name == name:
            asked = await asyncio.get_running_loop().run_in_executor(sagemaker.threads, _ask, sagemaker, live, request)
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


def _ask(sagemaker: "SageMaker", live: LiveEndpoint, request: Request) -> tuple[str, Answer] | None:
    """The variant that answered, and its answer; None if the endpoint serves nothing.

    A request whose instance ended before it answered goes to another instance: models keep nothing between requests, so
    that asking twice is safe. Where there is no other, it is refused.
    """
    avoid: Instance | None = None
    while live.routes:
        try:
            variant = live.choose(request.target)
            if variant.serverless and len(request.body) > LARGEST_SERVERLESS:
                raise _too_large(LARGEST_SERVERLESS)
            with variant.instances.take(avoid) as instance:
                start = time.perf_counter()
                try:
                    answer = variant.disturbance.around(request.body, partial(_invoke, instance, request.headers))
                except InstanceGone:
                    avoid = instance
                    continue
                except TimeoutError:
                    _note(sagemaker, variant, request, start, 0)
                    message = "Your invocation timed out while waiting for a response from container primary."
                    raise ApiError("ModelError", message, 424, OriginalStatusCode=0, OriginalMessage=message) from None
            _note(sagemaker, variant, request, start, answer.status)
            _copy(sagemaker, variant, request, answer)
            return variant.name, answer
        except Closed:
            if sagemaker.hosting.closed:  # nothing will replace what was closed
                raise ApiError("ServiceUnavailable", "The local cloud stops.", status=503) from None
        except NoSuchVariant:
            raise ApiError("ValidationError", f"Could not find variant {request.target} of the endpoint.") from None
        except (NoneUp, NotServable):
            _note(sagemaker, variant, request, time.perf_counter(), 0)
            message = "The instance of the endpoint ended and is starting again. Try your call again."
            raise ApiError("ServiceUnavailable", message, status=503) from None
        except TooManyRequests:
            raise ApiError("ThrottlingException", "Rate exceeded: MaxConcurrency requests are under way.") from None
    return None


def _invoke(instance: Instance, headers: dict[str, str], body: bytes) -> Answer:
    return instance.server.invoke(body, headers)


def _note(sagemaker: "SageMaker", variant: Variant, request: Request, start: float, status: int) -> None:
    """Measure an invocation whose request went to the model at `start`."""
    now = time.perf_counter()
    note = Note(variant.meter, time.time(), status, variant.instances.count, now - start, start - request.received)
    sagemaker.hosting.telemetry.note(note)


def _keep(variant: Variant, request: Request, answer: Answer) -> None:
    """Capture what was asked and answered, where that is wanted."""
    if variant.capture and answer.status < 400:
        variant.capture.take(
            (request.content_type, request.body),
            (answer.content_type, answer.body),
            request.headers.get("X-Amzn-SageMaker-Inference-Id"),
            request.headers.get("X-Amzn-SageMaker-Custom-Attributes", ""),
        )


def _copy(sagemaker: "SageMaker", variant: Variant, request: Request, answer: Answer) -> None:
    """Capture what was asked and answered, and ask the shadow variant the same."""
    _keep(variant, request, answer)
    shadow, hosting = variant.shadow, sagemaker.hosting
    if shadow is None or random.random() >= variant.shadow_share:  # noqa: S311 - chance, not secrecy
        return
    if hosting.mirroring.acquire(blocking=False):
        hosting.mirrors.submit(_mirror, sagemaker, shadow, request)


def _mirror(sagemaker: "SageMaker", shadow: Variant, request: Request) -> None:
    """Ask a shadow variant; nobody gets its answer, but what it took is measured, and its answer is captured."""
    try:
        start, status = time.perf_counter(), 0
        try:
            with shadow.instances.take() as instance:
                answer = shadow.disturbance.around(request.body, partial(_invoke, instance, request.headers))
            status = answer.status
            _keep(shadow, request, answer)
        except (InstanceGone, TimeoutError, NoneUp):
            pass
        except Closed:
            return
        copy = Request(start, request.content_type, request.body, request.headers)
        _note(sagemaker, shadow, copy, start, status)
    finally:
        sagemaker.hosting.mirroring.release()


def _too_large(largest: int) -> ApiError:
    return ApiError("ValidationError", f"The request body is larger than {largest} bytes.", status=413)


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
