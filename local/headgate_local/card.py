"""The card that a running local cloud leaves for its clients: where it is and how to sign in."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


def home() -> Path:
    """Where the local cloud keeps its card, its log and its working files."""
    return Path(os.environ.get("HEADGATE_HOME") or Path.home() / ".headgate")


def work() -> Path:
    """Where its working files lie, by the number of its process. Nobody else has a folder of this name in a home."""
    return home() / "local.work"


@dataclass(frozen=True, slots=True)
class Card:
    """What a client needs to reach the local cloud, and a stopper to end it."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    data_bucket: str
    artifact_bucket: str
    stack: str
    pid: int
    log: str

    def client(self, service: str) -> Any:
        """A boto3 client of one of the cloud's services, signed in as its administrator."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )

    def output(self, name: str) -> str:
        """One output of the stack; raises KeyError when it has none of that name."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {str(each["OutputKey"]): str(each["OutputValue"]) for each in stack["Outputs"]}[name]

    def save(self) -> None:
        """Write the card so that only its owner can read it, whole or not at all."""
        home().mkdir(parents=True, exist_ok=True)
        draft = home() / f"local.json.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=1)
        draft.replace(home() / "local.json")

    @classmethod
    def load(cls) -> "Card | None":
        """The card of the local cloud, or None when none was left (or an older release left it)."""
        try:
            return cls(**json.loads((home() / "local.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @staticmethod
    def remove() -> None:
        """Take the card away; no matter if it is gone already."""
        (home() / "local.json").unlink(missing_ok=True)
