"""Seam: faults on order strike calls and events of every service, and FIS's interface orders them."""

import asyncio
import fnmatch
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, kms

from headgate_local.faults import api, fis
from headgate_local.faults.book import BadOrder, Faults, Undo
from headgate_local.faults.events import Switches
from headgate_local.faults.experiments import Experiments

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Response]]


def install(faults: Faults) -> None:
    """Put the faults before every service and before the bus; after all other services are in their places."""
    _install_events(faults)
    for service, handler in list(app.SERVICE_HANDLERS.items()):
        app.SERVICE_HANDLERS[service] = _struck(faults, service, handler)
    faults.on_order["aws:kms:disable-key"] = _disable_keys
    _install_fis(faults)


def _install_fis(faults: Faults) -> None:
    """Put FIS among MiniStack's services, after the faults: what clears them must not be struck by them."""

    def operation_of(method: str, path: str) -> str | None:
        operation: str | None = iam_actions._match_rest_action(fis.NAME, method, path)
        return operation

    app.SERVICE_HANDLERS[fis.NAME] = fis.Fis(Experiments(faults), operation_of).handle_request
    router.SERVICE_PATTERNS[fis.NAME] = {}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[fis.NAME] = fis.NAME
    iam_actions._BOTOCORE_SERVICE_MAP[fis.NAME] = [fis.NAME]
    original = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> str:
        if service != fis.NAME:
            found: str = original(service, method, path, headers, body, *rest)
            return found
        return fis.resource(operation_of(method, path) or "", path, body)

    iam_actions.extract_resource_arn = extract_resource_arn


def _install_events(faults: Faults) -> None:
    dispatch = eventbridge._dispatch_event
    switches = Switches(faults, dispatch)

    def dispatch_event(event: dict[str, Any], view: Any = None) -> None:
        if faults.idle and switches.quiet:
            dispatch(event, view)
        else:
            switches.send(event)

    eventbridge._dispatch_event = dispatch_event


def _struck(faults: Faults, service: str, handle: Handler) -> Handler:
    """The same handler, with the faults of calls before it."""

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        if not faults.idle and (refusal := await _refusal(faults, service, method, path, headers, body, query)):
            return refusal
        return await handle(method, path, headers, body, query)

    return handle_request


async def _refusal(
    faults: Faults,
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
) -> Response | None:
    """What a struck call is answered, after its delay; None if it is to be carried out."""
    params = app._routing_params(method, path, headers, body, query)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, params)
    if action is None or (service == "sagemaker" and not action.startswith("sagemaker:InvokeEndpoint")):
        return None  # SageMaker asks for its own operations: state machines call them round this door
    place = (get_region(), get_account_id())
    name = api.resource_name(iam_actions.extract_resource_arn(service, method, path, headers, body, params, *place))
    if seconds := api.delay(faults, action, name):
        await asyncio.sleep(seconds)
    answer = api.answer(faults, action, name)
    if answer is None:
        return None
    _, form, text = iam_actions.access_denied_response(
        service, action, "", str(uuid4()), error_code=answer.code, message=answer.message, headers=headers
    )
    return answer.status, form, text


def _disable_keys(target: str, _parameters: Mapping[str, str]) -> Undo:
    """Disable the keys whose id, ARN or alias this is; the undoing enables those that were."""
    named = kms._resolve_key(target) or kms._resolve_key(f"alias/{target}")
    keys = [named] if named else [key for name, key in kms._keys.items() if fnmatch.fnmatchcase(name, target)]
    if not keys:
        raise BadOrder(f"There is no key {target}. Name it by its id, its ARN or its alias.")
    enabled = [key["KeyId"] for key in keys if key["KeyState"] == "Enabled"]
    for key_id in enabled:
        kms._disable_key({"KeyId": key_id})

    def enable() -> None:
        for key_id in enabled:
            kms._enable_key({"KeyId": key_id})

    return enable
