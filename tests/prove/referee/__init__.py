"""The referee: an evaluator of IAM policies that shares no code with Headgate, in a process of its own."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lint_template import ROOT
from tests.prove.needs import Need

HOME = ROOT / ".venv-referee"
"""Where `make` installs it."""
ANYBODY = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
"""The policy of who may do everything, but for what bounds it from outside."""
Grant = tuple[str, str, str, str]
"""Policy, statement, action and resource as they are written."""


@dataclass(frozen=True)
class Question:
    """What is asked: may who carries these policies do this?"""

    need: Need
    account: str
    identity: tuple[str, ...]
    session: str | None = None
    boundary: str | None = None
    resource_policy: str | None = None
    principal: str = "role/asking"

    @property
    def _principal(self) -> str:
        if self.principal.startswith("arn:") or self.principal.endswith(".amazonaws.com"):
            return self.principal  # whole, or a service
        service = "sts" if self.principal.startswith("assumed-role/") else "iam"
        return f"arn:aws:{service}::{self.account}:{self.principal}"

    def message(self, number: int) -> str:
        """The question as a line."""
        return json.dumps(
            {
                "id": number,
                "action": self.need.action,
                "resource": self.need.resource,
                "context": {"aws:SecureTransport": "true", **dict(self.need.context)},
                "account": self.account,
                "principal": self._principal,
                "identity": self.identity,
                "session": self.session,
                "boundary": self.boundary,
                "resourcePolicy": self.resource_policy,
            }
        )


@dataclass(frozen=True)
class Answer:
    """What the referee says; `grants` are the entries of the policies that allow it.

    A question that makes no sense to it (an action that AWS does not know, a resource that does not fit the action) is
    not allowed either; `senseless` tells it from one that is denied.
    """

    allowed: bool
    grants: tuple[Grant, ...]
    result: str

    @property
    def senseless(self) -> bool:
        """Whether it could not be judged."""
        return self.result.startswith("no sense")


_CONTEXT = re.compile(r'"kms:EncryptionContext:([^"]+)"')


def _readable(line: str) -> str:
    """The referee knows no keys of encryption contexts and leaves them out. They are written as a key that it does know
    and that means nothing else here, in questions and in policies alike.
    """
    return _CONTEXT.sub(lambda key: f'"aws:PrincipalTag/kms-{key[1].replace(":", "-")}"', line)


class RefereeError(Exception):
    """Raised when the referee is gone."""


def is_there() -> bool:
    """Whether it is installed; `make .venv-referee/.ready` does it where Node.js is."""
    return shutil.which("node") is not None and (HOME / "node_modules").is_dir()


class Referee:
    """Use it as a context: the process ends with it."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("referee.mjs")
        command = ["node", str(script), str(HOME)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._known: dict[Question, Answer] = {}
        self._policies: dict[str, str] = {}
        self.asked = 0
        """How many questions it judged; the same one again costs nothing."""

    def __enter__(self) -> "Referee":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def know(self, policies: Mapping[str, dict[str, Any]]) -> None:
        """Documents by the names under which questions speak of them; a name means one document for good."""
        new = {name: document for name, document in policies.items() if name not in self._policies}
        for name, document in policies.items():
            text = json.dumps(document, sort_keys=True)
            assert self._policies.setdefault(name, text) == text, f"{name} is another policy already"
        if new:
            self._say(json.dumps({"policies": new}))

    def judge(self, questions: Sequence[Question]) -> list[Answer]:
        """Answers in the order of the questions."""
        asked = list(dict.fromkeys(each for each in questions if each not in self._known))
        writing = threading.Thread(target=self._ask, args=(asked,))  # both pipes are finite
        writing.start()
        for question in asked:
            self._known[question] = self._heard(question)
        writing.join()
        self.asked += len(asked)
        return [self._known[each] for each in questions]

    def forms(self, actions: Iterable[str]) -> dict[str, list[str]]:
        """The forms of the ARNs that actions may be bound to, by AWS's own description; none where only `*` will do."""
        self._say(json.dumps({"about": sorted(set(actions))}))
        found: dict[str, list[str]] = self._line()["about"]
        return found

    def _ask(self, questions: Sequence[Question]) -> None:
        for number, each in enumerate(questions):
            self._say(each.message(number), flush=False)
        assert self._process.stdin is not None
        self._process.stdin.flush()

    def _heard(self, question: Question) -> Answer:
        said = self._line()
        if "error" in said:
            return Answer(False, (), f"no sense: {question.need.action} on {question.need.resource}: {said['error']}")
        return Answer(said["result"] == "Allowed", tuple(tuple(each) for each in said["grants"]), said["result"])

    def _say(self, line: str, flush: bool = True) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(_readable(line) + "\n")
        if flush:
            self._process.stdin.flush()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RefereeError("The referee's process ended. Is Node.js 20 or newer?")
        return json.loads(line)
