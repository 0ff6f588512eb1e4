"""Seam: requests for SageMaker reach our handler, and MiniStack checks ``sagemaker:*`` for them."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.services import tagging

from headgate_local.api.errors import ApiError
from headgate_local.api.validation import read
from headgate_local.sagemaker import tags
from headgate_local.sagemaker.hosting import runtime
from headgate_local.sagemaker.operations import OPERATIONS
from headgate_local.sagemaker.resources import arn
from headgate_local.sagemaker.service import SageMaker

NAME = "sagemaker"
"""What MiniStack calls both ``sagemaker`` and ``sagemaker-runtime``: the name in a signature's scope."""


def install(sagemaker: SageMaker) -> None:
    """Put SageMaker among MiniStack's services."""
    app.SERVICE_HANDLERS[NAME] = sagemaker.handle_request
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["SageMaker."]}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[NAME] = NAME
    _install_actions()
    _install_resources()
    _install_tags(sagemaker)
    _install_content_type()


def resource_arn(operation: str, request: Mapping[str, Any]) -> str:
    """The ARN that IAM checks for an operation of the control plane."""
    known = OPERATIONS.get(operation)
    return known.resources(dict(request))[0] if known else "*"


def _invoked(method: str, path: str) -> str | None:
    """The endpoint that a request invokes; None for one to the control plane."""
    return runtime.endpoint_of(path) if method == "POST" else None


def _install_actions() -> None:
    """An invocation names its action by its path alone; everything else names it in a header."""
    original = iam_actions.extract_iam_action

    def extract_iam_action(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> str | None:
        if service == NAME and _invoked(method, path) is not None:
            return "sagemaker:InvokeEndpoint"
        action: str | None = original(service, method, path, headers, body, query_params)
        return action

    iam_actions.extract_iam_action = extract_iam_action


def _install_resources() -> None:
    original = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *rest: Any,
    ) -> str:
        if service != NAME:
            found: str = original(service, method, path, headers, body, *rest)
            return found
        endpoint = _invoked(method, path)
        if endpoint is not None:
            return arn("endpoint", endpoint)
        try:
            return resource_arn(headers.get("x-amz-target", "").rpartition(".")[2], read(body))
        except ApiError:
            return "*"

    iam_actions.extract_resource_arn = extract_resource_arn


def _install_tags(sagemaker: SageMaker) -> None:
    """Conditions on aws:ResourceTag see the tags of SageMaker's resources, and so does the tagging API."""
    tagging._RESOURCE_TAG_COLLECTORS[NAME] = lambda: tags.everything(sagemaker)


def _install_content_type() -> None:
    """MiniStack gives every JSON answer its protocol's content type; a model's answer keeps its own."""

    def but_ours(fix: Callable[[str, int, dict[str, str]], None]) -> Callable[[str, int, dict[str, str]], None]:
        return lambda service, status, headers: None if service == NAME else fix(service, status, headers)

    app.fix_success_content_type = but_ours(app.fix_success_content_type)
    app.fix_error_content_type = but_ours(app.fix_error_content_type)
