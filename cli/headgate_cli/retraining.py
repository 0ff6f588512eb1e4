"""Asking for a retraining, by the event that any other system may put on the bus; the run it leads to, in words."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from headgate.domain.errors import SettingsError
from headgate.domain.names import Project
from headgate.domain.retrain_settings import window_of
from headgate.domain.retraining import asked_for
from headgate.domain.runs import Run
from headgate_cli.connection import Cloud, user_name
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import Records
from headgate_cli.waiting import eventually

_ANSWER_SECONDS = 120.0
"""How long it may take until a request is recorded; on AWS an event and a function's cold start lie between."""


def ask(cloud: Cloud, project: Project, window: str | None, reason: str) -> Run:
    """Ask for a retraining and wait until its run is recorded, which may be one that has ended at once.

    Raises:
        UsageError: when the window is none.
        CommandError: when nothing was recorded in two minutes; the request stands.
    """
    try:
        chosen = window_of(window) if window is not None else None
    except SettingsError as error:
        raise UsageError(str(error)) from error
    request = f"by-hand-{uuid4()}"
    detail = {
        "tenant": project.tenant,
        "project": project.name,
        "reason": f"{user_name(cloud)} asked for it: {reason}".rstrip(": "),
        "request": request,
        "window": chosen,
    }
    entry = {"Source": "headgate.cli", "DetailType": "RetrainRequested", "Detail": json.dumps(detail)}
    answer = cloud.client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise CommandError(f"The bus did not take the request: {answer['Entries'][0].get('ErrorMessage')}. Ask again.")
    return _recorded(cloud, project, request)


def retrain_facts(retrain: Mapping[str, Any] | None) -> dict[str, str]:
    """Who asked for a retraining, and what it is made of, in a few words; nothing of an upload."""
    if retrain is None:
        return {}
    count = len(retrain["of"])
    facts = {
        "asked for": f"{retrain['reason']} ({retrain['by']})",
        "made of": f"{count} dataset{'' if count == 1 else 's'} (window {retrain['window']})",
    }
    if left := retrain["left_out"]:
        facts["left out"] = "; ".join(f"{each['name']}: {each['why']}" for each in left)
    return facts


def _recorded(cloud: Cloud, project: Project, request: str) -> Run:
    ledger = Records(cloud).ledger
    run = eventually(cloud, lambda: asked_for(ledger.runs_of_project(project), request), _ANSWER_SECONDS)
    if run is not None:
        return run
    raise CommandError(
        f"The request {request} is on the bus, but nothing came of it yet. `headgate runs --project {project.name}` "
        "shows its run; if there is none, look at the alarm on RetrainDeadLetters."
    )
