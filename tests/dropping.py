"""A dataset that was dropped, and what the task that validates answers, in the function or on a machine."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from headgate import job
from headgate.aws.s3 import Objects
from headgate.domain.names import Part as Pinned
from headgate.domain.names import dataset_id
from headgate.domain.runs import Head
from headgate.services.validate_dataset import ValidateDataset, validate_dataset

ROOT = Path(__file__).resolve().parents[1]
WDBC = (ROOT / "examples" / "healthcare_wdbc.csv").read_bytes()
FOLDER = "demo/iris/"
EXAMINATION = ["examination/answer.json", "examination/parts.json", "examination/request.json"]


SORTED = {"tenant": {"stringValue": "demo", "dataType": "String"}}
"""What a message of the intake queue bears that was sorted before, as Lambda brings it."""


class Dropped:
    """A dataset in the data bucket with its manifest, and the task's answers on it."""

    def __init__(self, session: boto3.Session, invoke: Any, objects: Objects, files: dict[str, bytes], room: Path):
        self._invoke, self._objects, self._client, self._room = invoke, objects, session.client("s3"), room
        self.parts = []
        for key, content in files.items():
            version = self._client.put_object(Bucket="data", Key=key, Body=content)["VersionId"]
            self.parts.append({"key": key, "version_id": version, "size": len(content)})
        self.dataset = dataset_id("data", [Pinned(**part) for part in self.parts])
        self.folder = f"{FOLDER}datasets/{self.dataset}/"
        manifest = {"bucket": "data", "name": "upload", "parts": self.parts}
        objects.put_json("artifacts", f"{self.folder}manifest.json", manifest)
        self.event = {
            "tenant": "demo",
            "project": "iris",
            "run": f"demo-iris-{self.dataset}",
            "dataset": self.dataset,
        }

    def validated(self) -> dict[str, Any]:
        answer = self._invoke("validate_dataset", self.event)
        assert answer == json.loads(json.dumps(answer))
        if answer["verdict"] == "large":
            self.on_a_machine()
            answer = self._invoke("validate_dataset", {**self.event, "examined": True})
        return answer

    def on_a_machine(self) -> None:
        """What `train` has SageMaker do: bring the listed objects and the request, run the program, take its output."""
        root = self._room / "ml" / "processing"
        shutil.rmtree(root, ignore_errors=True)
        place = f"{self.folder}examination/"
        (root / "input" / "request").mkdir(parents=True)
        (root / "input" / "parts").mkdir()
        request = self._objects.get_bytes("artifacts", f"{place}request.json")
        (root / "input" / "request" / "request.json").write_bytes(request)
        head, *names = self._objects.get_json("artifacts", f"{place}parts.json")
        for name in names:
            path = root / "input" / "parts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._objects.get_bytes("data", head["prefix"].removeprefix("s3://data/") + name))
        job.main(["validate", "--root", str(root)])
        for path in filter(Path.is_file, (root / "output").rglob("*")):
            self._objects.put_file("artifacts", f"{self.folder}{path.relative_to(root / 'output')}", path)

    def under(self, head: Head, workdir: Path, most: int = 10, **limits: Any) -> dict[str, Any]:
        """The answer of the use case when the ledger's head is another one."""
        given = {"objects": self._objects, "head": head, "workdir": workdir, "most_instances": most}
        command = ValidateDataset.parse(self.event, data_bucket="data", artifact_bucket="artifacts")
        answer = validate_dataset(command, **given, **limits)
        if answer["verdict"] == "large":
            self.on_a_machine()
            answer = validate_dataset(replace(command, examined=True), **given)
        return answer

    def report(self) -> dict[str, Any]:
        return self._objects.get_json("artifacts", f"{self.folder}report.json")

    def written(self, prefix: str) -> list[str]:
        found = self._client.list_objects_v2(Bucket="artifacts", Prefix=prefix).get("Contents", [])
        names = {item["Key"].removeprefix(prefix) for item in found}
        return sorted(names - {"manifest.json", *EXAMINATION})

    def quarantined(self) -> list[str]:
        return self.written(f"{FOLDER}quarantine/{self.dataset}/")

    def settings(self, text: str) -> None:
        self._client.put_object(Bucket="data", Key=f"{FOLDER}project.yaml", Body=text.encode())

    def delete(self) -> None:
        for part in self.parts:
            self._client.delete_object(Bucket="data", Key=part["key"], VersionId=part["version_id"])


Drop = Callable[..., Dropped]


def queued(*events: dict[str, Any]) -> dict[str, Any]:
    """What a function gets of a queue that holds these events, sorted already."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "eventSource": "aws:sqs",
                "body": json.dumps(event),
                "messageAttributes": SORTED,
            }
            for number, event in enumerate(events)
        ]
    }
