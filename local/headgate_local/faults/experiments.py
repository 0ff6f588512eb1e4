"""FIS's experiments: a template says what shall go wrong and for whom, an experiment orders it until it is stopped.

The documented subset: actions that start together, targets by ARN (or name) with wildcards, no stop conditions.
"""

import secrets
import threading
import time
from dataclasses import dataclass

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from headgate_local.api.errors import ApiError, invalid
from headgate_local.api.records import Record, paginate
from headgate_local.faults import templates
from headgate_local.faults.actions import ACTIONS, TARGETS
from headgate_local.faults.book import BadOrder, Fault, Faults
from headgate_local.seams import identity

SERVICE = "fis.amazonaws.com"
COPIED = ("targets", "stopConditions", "roleArn", "actions")
"""What an experiment takes from its template."""
PAGE = 100
MOST = 1000
"""Experiments at their end that are kept in an account and region, the newest; AWS keeps them for 120 days."""


def arn(noun: str, name: str) -> str:
    """The ARN of something of FIS in the request's account and region."""
    return f"arn:aws:fis:{get_region()}:{get_account_id()}:{noun}/{name}"


@dataclass
class Experiment:
    """A running or ended experiment."""

    record: Record
    """What it was started with, as GetExperiment answers it."""
    ordered: dict[str, list[Fault]]
    """By name of the action: the faults that it ordered."""
    ending: tuple[str, str] | None = None
    """Its status and the reason, if it did not simply come to its end."""

    def described(self, faults: Faults) -> Record:
        """The experiment with its states, which follow from its faults."""
        ends = {action: [faults.ended_at(fault) for fault in ordered] for action, ordered in self.ordered.items()}
        runs = any(None in each for each in ends.values())
        plain = ("running", "Experiment is running.") if runs else ("completed", "Experiment completed.")
        status, reason = self.ending or plain
        actions = {
            name: {**declared, **self._progress(ends[name], status)}
            for name, declared in self.record["actions"].items()
        }
        described = {**self.record, "state": {"status": status, "reason": reason[:512]}, "actions": actions}
        if status != "running":
            times = [end for each in ends.values() for end in each if end is not None]
            described["endTime"] = max(times, default=self.record["startTime"])
        return described

    def _progress(self, ends: list[float | None], status: str) -> Record:
        """The state and the times of one action, given when its faults were over."""
        if self.record["experimentOptions"]["actionsMode"] == "skip-all":
            return {"state": {"status": "skipped", "reason": "The experiment skips its actions."}}
        started = {"startTime": self.record["startTime"]}
        if None in ends:
            return {"state": {"status": "running", "reason": "Action is running."}, **started}
        shown = status if status in ("failed", "stopped") else "completed"
        ended = max((end for end in ends if end is not None), default=self.record["startTime"])
        return {"state": {"status": shown, "reason": f"Action {shown}."}, **started, "endTime": ended}


class Experiments:
    """All templates and experiments. Every public method is an operation of the API; they raise ApiError."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = threading.RLock()
        self._templates: dict[str, Record] = AccountRegionScopedDict()
        self._experiments: dict[str, Experiment] = AccountRegionScopedDict()
        self._tokens: dict[tuple[str, str], str] = AccountRegionScopedDict()
        """What was made under a client token, which makes it once."""

    def create_template(self, request: Record) -> Record:
        """CreateExperimentTemplate."""
        templates.check_template(request)
        token = ("template", request["clientToken"])
        with self._lock:
            made = self._tokens.get(token)
            if made not in self._templates:
                made, now = f"EXT{secrets.token_hex(8)}", time.time()
                self._tokens[token] = made
                self._templates[made] = {
                    **{name: value for name, value in request.items() if name != "clientToken"},
                    "id": made,
                    "arn": arn("experiment-template", made),
                    "creationTime": now,
                    "lastUpdateTime": now,
                    "targetAccountConfigurationsCount": 0,
                }
            return {"experimentTemplate": self._templates[made]}

    def get_template(self, request: Record) -> Record:
        """GetExperimentTemplate."""
        return {"experimentTemplate": self._template(request["id"])}

    def list_templates(self, request: Record) -> Record:
        """ListExperimentTemplates."""
        return _page("experimentTemplates", list(self._templates.values()), request)

    def delete_template(self, request: Record) -> Record:
        """DeleteExperimentTemplate; experiments that run go on."""
        with self._lock:
            template = self._template(request["id"])
            del self._templates[template["id"]]
            self._forget_token(template["id"])
        return {"experimentTemplate": template}

    def start(self, request: Record) -> Record:
        """StartExperiment: every fault of the template is on order when this answers."""
        token = ("experiment", request["clientToken"])
        with self._lock:
            name = self._tokens.get(token)
            if name is None:
                template = self._template(request["experimentTemplateId"])
                name = f"EXP{secrets.token_hex(8)}"
                self._tokens[token] = name
                self._experiments[name] = self._begun(name, template, request)
                self._forget_oldest()
            return self.get({"id": name})

    def get(self, request: Record) -> Record:
        """GetExperiment."""
        return {"experiment": self._experiment(request["id"]).described(self._faults)}

    def list_all(self, request: Record) -> Record:
        """ListExperiments, newest first."""
        wanted = request.get("experimentTemplateId")
        found = [each.described(self._faults) for each in reversed(list(self._experiments.values()))]
        chosen = [each for each in found if wanted in (None, each["experimentTemplateId"])]
        return _page("experiments", chosen, request)

    def stop(self, request: Record) -> Record:
        """StopExperiment: its faults are cleared."""
        with self._lock:
            experiment = self._experiment(request["id"])
            if experiment.described(self._faults)["state"]["status"] != "running":
                raise invalid(f"The experiment {request['id']} is not running.")
            self._end(experiment, "stopped", "Experiment was stopped by user.")
            return self.get(request)

    @staticmethod
    def list_actions(request: Record) -> Record:
        """ListActions."""
        return _page("actions", [_action(name) for name in sorted(ACTIONS)], request)

    @staticmethod
    def get_action(request: Record) -> Record:
        """GetAction."""
        if request["id"] not in ACTIONS:
            raise _missing("action", request["id"])
        return {"action": _action(request["id"])}

    def _template(self, name: str) -> Record:
        if name not in self._templates:
            raise _missing("experiment template", name)
        return dict(self._templates[name])

    def _experiment(self, name: str) -> Experiment:
        if name not in self._experiments:
            raise _missing("experiment", name)
        return self._experiments[name]

    def _forget_oldest(self) -> None:
        """Keep no more experiments than there should be; those that run stay."""
        surplus = len(self._experiments) - MOST
        if surplus <= 0:
            return
        for name, experiment in self._experiments.items():
            if surplus > 0 and experiment.described(self._faults)["state"]["status"] != "running":
                del self._experiments[name]
                self._forget_token(name)
                surplus -= 1

    def _forget_token(self, made: str) -> None:
        for token in [token for token, name in self._tokens.items() if name == made]:
            del self._tokens[token]

    def _begun(self, name: str, template: Record, request: Record) -> Experiment:
        """An experiment whose faults are on order; if one cannot be, none is, and it has failed."""
        options = {"accountTargeting": "single-account", "emptyTargetResolutionMode": "fail"}
        options |= {**template.get("experimentOptions", {}), "actionsMode": "run-all"}
        options |= request.get("experimentOptions", {})
        record = {
            **{member: template[member] for member in COPIED if member in template},
            "id": name,
            "arn": arn("experiment", name),
            "experimentTemplateId": template["id"],
            "tags": request.get("tags", {}),
            "experimentOptions": options,
            "targetAccountConfigurationsCount": 0,
            "creationTime": time.time(),
            "startTime": time.time(),
        }
        experiment = Experiment(record, {action: [] for action in template["actions"]})
        if options["actionsMode"] == "skip-all":
            return experiment
        if identity.assume(template["roleArn"], SERVICE, name) is None:
            self._end(experiment, "failed", f"Unable to assume the role {template['roleArn']}.")
            return experiment
        try:
            for action, request_ in template["actions"].items():
                for pattern in templates.patterns(template, request_):
                    fault = self._faults.order(request_["actionId"], pattern, request_.get("parameters", {}))
                    experiment.ordered[action].append(fault)
        except BadOrder as problem:
            self._end(experiment, "failed", str(problem))
        return experiment

    def _end(self, experiment: Experiment, status: str, reason: str) -> None:
        for faults in experiment.ordered.values():
            for fault in faults:
                self._faults.clear(fault)
        experiment.ending = (status, reason)


def _missing(what: str, name: str) -> ApiError:
    return ApiError("ResourceNotFoundException", f"There is no {what} {name}.", status=404)


def _action(name: str) -> Record:
    action = ACTIONS[name]
    return {
        "id": name,
        "arn": arn("action", name),
        "description": action.description,
        "parameters": {
            parameter: {"description": about.description, "required": about.required}
            for parameter, about in action.parameters.items()
        },
        "targets": {TARGETS[action.target]: {"resourceType": action.target}},
        "tags": {},
    }


def _page(member: str, items: list[Record], request: Record) -> Record:
    given = {"NextToken": request.get("nextToken"), "MaxResults": request.get("maxResults", PAGE)}
    page, token = paginate(items, given, PAGE)
    return {member: page, **({"nextToken": token["NextToken"]} if token else {})}
