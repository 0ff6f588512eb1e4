"""FIS on the wire: its REST requests, checked against botocore's model, for the experiments of the local cloud."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.api.validation import answer, model, read, validate
from headgate_local.faults.experiments import SERVICE, Experiments, arn
from headgate_local.seams.identity import AccessDenied, Caller, caller_of, tag_conditions

NAME = "fis"
Response = tuple[int, dict[str, str], bytes]

OPERATIONS: dict[str, Callable[[Experiments, Record], Record]] = {
    "CreateExperimentTemplate": Experiments.create_template,
    "GetExperimentTemplate": Experiments.get_template,
    "ListExperimentTemplates": Experiments.list_templates,
    "DeleteExperimentTemplate": Experiments.delete_template,
    "StartExperiment": Experiments.start,
    "GetExperiment": Experiments.get,
    "ListExperiments": Experiments.list_all,
    "StopExperiment": Experiments.stop,
    "ListActions": lambda experiments, request: experiments.list_actions(request),
    "GetAction": lambda experiments, request: experiments.get_action(request),
}


class Fis:
    """The service as MiniStack calls it."""

    def __init__(self, experiments: Experiments, operation_of: Callable[[str, str], str | None]) -> None:
        """`operation_of` finds the operation of a method and a path."""
        self._experiments = experiments
        self._operation_of = operation_of

    async def handle_request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        """Answer a request whose signature and main permission were checked."""
        operation = self._operation_of(method, path) or ""
        try:
            if operation not in OPERATIONS:
                raise ApiError(
                    "UnsupportedOperationException",
                    f"The local cloud's FIS does not know {operation or 'this request'}. "
                    f"It knows {', '.join(OPERATIONS)}.",
                )
            request = parse(operation, path, body, query)
            response = await asyncio.to_thread(self._call, operation, request, caller_of(headers, query))
        except ApiError as error:
            refused = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
            return error.status, refused, json.dumps({"message": error.message}).encode()
        return 200, {"Content-Type": "application/json"}, json.dumps(response).encode()

    def _call(self, operation: str, request: Record, caller: Caller) -> Record:
        try:
            tags = tag_conditions(f"fis:{operation}", request)
            for resource in resources(operation, request):
                caller.require(f"fis:{operation}", resource, tags)
            validate(operation, request, NAME)
            if "roleArn" in request:
                caller.require_pass_role(request["roleArn"], SERVICE)
            if request.get("tags"):
                caller.require("fis:TagResource", resources(operation, request)[0], tags)
        except AccessDenied as denied:
            raise ApiError("AccessDeniedException", str(denied), status=403) from denied
        return answer(operation, OPERATIONS[operation](self._experiments, request), NAME)


def resources(operation: str, request: Mapping[str, Any]) -> list[str]:
    """The ARNs that the caller's policies must allow; ``*`` for operations that touch none."""
    if operation == "CreateExperimentTemplate":
        actions = request["actions"].values() if isinstance(request.get("actions"), dict) else ()
        named = (action.get("actionId", "*") for action in actions if isinstance(action, dict))
        return [arn("experiment-template", "*"), *(arn("action", name) for name in named)]
    if operation == "StartExperiment":
        template = request.get("experimentTemplateId", "*")
        return [arn("experiment-template", template), arn("experiment", "*")]
    nouns = {
        "GetExperimentTemplate": "experiment-template",
        "DeleteExperimentTemplate": "experiment-template",
        "GetExperiment": "experiment",
        "StopExperiment": "experiment",
        "GetAction": "action",
    }
    return [arn(nouns[operation], request["id"])] if operation in nouns and "id" in request else ["*"]


def resource(operation: str, path: str, body: bytes) -> str:
    """The ARN that IAM checks first, of a request that nobody has looked at yet."""
    try:
        return resources(operation, parse(operation, path, body, {}))[0] if operation in OPERATIONS else "*"
    except ApiError:
        return "*"


def parse(operation: str, path: str, body: bytes, query: Mapping[str, Any]) -> Record:
    """The members of a request, wherever they travel; raises ApiError if the body is no JSON object."""
    members = model(NAME).operation_model(operation).input_shape.members
    request = read(body)
    for name, shape in members.items():
        place = shape.serialization.get("location")
        if place == "uri":
            request[name] = unquote(path.rstrip("/").rpartition("/")[2])
        elif place == "querystring" and (value := query.get(shape.serialization["name"])):
            text = value[0] if isinstance(value, list) else value
            request[name] = int(text) if shape.type_name == "integer" and text.isdigit() else text
    return request
