"""MLflow's tracking server, told by its REST interface how a run ended and what it cost.

What a run was made of is told after its evaluation, in its container; how it ended and what it cost is known only when
it is over. Plain HTTP: the package would be most of a function. The server is other people's: it gets a few seconds in
all, may fail as it likes, and sends us nowhere else.
"""

import base64
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SECONDS = 10.0
"""For all that is told of a run; what takes longer is not waited for."""
MAX_BYTES = 1024**2
KEY = "headgate.run"
"""The tag by which the one MLflow run of a run of ours is found; the evaluation sets it too."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """A tracking server at an `http:` or `https:` address."""

    uri: str

    def tell(self, record: Mapping[str, Any]) -> str | None:
        """Tell of a run that has ended, by its experiment record. Telling again changes nothing.

        A run that was not evaluated is not known to the server yet: then it is made known.

        Returns:
            None, or why it was not told: the kind of the error, for its words may hold the address.
        """
        told: list[str | None] = []

        def telling() -> None:
            try:
                _Telling(self.uri, time.monotonic() + SECONDS).tell(record)
                told.append(None)
            except Exception as error:  # a server and a network of others: nothing of theirs may fail the telling
                told.append(type(error).__name__)

        # In a thread of its own, for no timeout bounds it all: each byte of an answer's head, and each address of a
        # name, has one anew. Nobody waits for a thread that is late; it makes no further call.
        thread = threading.Thread(target=telling, daemon=True)
        thread.start()
        thread.join(SECONDS)
        return told[0] if told else TimeoutError.__name__


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Lets no answer lead elsewhere, where the password would go along."""

    def redirect_request(self, *_: object) -> None:
        """None; an answer that redirects is an HTTPError then."""


_opener = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True, slots=True)
class _Telling:
    """The calls by which a server is told of one run, until `deadline` of the monotonic clock."""

    uri: str
    deadline: float

    def tell(self, record: Mapping[str, Any]) -> None:
        """Make them."""
        experiment = self._experiment(f"headgate/{record['tenant']}/{record['project']}")
        found = self._call(
            "runs/search",
            {"experiment_ids": [experiment], "filter": f"tags.`{KEY}` = '{record['run']}'", "max_results": 1},
        ).get("runs")
        begun = _milliseconds(record["arrived_at"])
        info = found[0]["info"] if found else self._create(experiment, record, begun)
        start = int(info.get("start_time", begun))
        metrics = [
            {"key": key, "value": value, "timestamp": start, "step": 0} for key, value in _metrics(record).items()
        ]
        self._call("runs/log-batch", {"run_id": info["run_id"], "metrics": metrics, "tags": _tags(record)})
        if not found:
            status = "FAILED" if record["outcome"] == "FAILED" else "FINISHED"
            ending = {"run_id": info["run_id"], "status": status, "end_time": _milliseconds(record["ended_at"])}
            self._call("runs/update", ending)

    def _experiment(self, name: str) -> str:
        try:
            known = self._call(f"experiments/get-by-name?experiment_name={urllib.parse.quote(name, safe='')}")
            return str(known["experiment"]["experiment_id"])
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        return str(self._call("experiments/create", {"name": name})["experiment_id"])

    def _create(self, experiment: str, record: Mapping[str, Any], begun: int) -> dict[str, Any]:
        new = {"experiment_id": experiment, "run_name": record["run"], "start_time": begun, "tags": _tags(record)}
        return dict(self._call("runs/create", new)["run"]["info"])

    def _call(self, operation: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request of the REST interface: POST with a body, GET without one."""
        address = urllib.parse.urlsplit(self.uri)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("not an address of the web")
        place = address.netloc.rpartition("@")[2]
        headers = {"Content-Type": "application/json"}
        if address.username is not None:
            user = urllib.parse.unquote(f"{address.username}:{address.password or ''}")
            headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        url = f"{address.scheme}://{place}{address.path.rstrip('/')}/api/2.0/mlflow/{operation}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers)  # noqa: S310 - the scheme is one of the two above
        content = b""
        with _opener.open(request, timeout=self._left()) as answer:
            while len(content) < MAX_BYTES and (more := answer.read1(MAX_BYTES - len(content))):
                content += more
                self._left()
        told = json.loads(content)
        if not isinstance(told, dict):
            raise TypeError("no object")
        return told

    def _left(self) -> float:
        """Seconds until the deadline.

        Raises:
            TimeoutError: when there are none.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _tags(record: Mapping[str, Any]) -> list[dict[str, str]]:
    names = ("tenant", "project", "run", "dataset", "outcome", "reason_code", "version")
    return [{"key": f"headgate.{name}", "value": str(record[name])} for name in names if record[name] is not None]


def _metrics(record: Mapping[str, Any]) -> dict[str, float]:
    """The estimated cost, as a whole and by its parts, as far as it is known."""
    cost = record["cost"]
    told = {"cost.estimated_usd": cost["estimated_usd"]}
    told |= {f"cost.{part['what']}_usd": part["estimated_usd"] for part in cost["parts"]}
    return {name: value for name, value in told.items() if value is not None}


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
