"""Data capture: a sample of an endpoint's requests and answers, as JSON Lines in S3, in SageMaker's format."""

import base64
import json
import logging
import random
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError

from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, TransferError

logger = logging.getLogger("headgate.sagemaker")

AGE = 5.0
"""Seconds that captured data waits to be written together; AWS lets it wait for minutes."""
SIZE = 1 << 20
"""Bytes after which it does not wait."""
MODES = {
    "Input": ("endpointInput",),
    "Output": ("endpointOutput",),
    "InputAndOutput": ("endpointInput", "endpointOutput"),
}


class Capture:
    """Captures one variant of an endpoint, as its DataCaptureConfig says. Safe to use from many threads."""

    def __init__(self, config: Record, endpoint: str, variant: str, storage: Storage) -> None:
        self._config, self._storage = config, storage
        self._root = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/{variant}"
        self._parts = {part for option in config["CaptureOptions"] for part in MODES[option["CaptureMode"]]}
        headers = config.get("CaptureContentTypeHeader", {})
        self._encodings = dict.fromkeys(_plain(headers.get("CsvContentTypes", [])), "CSV")
        self._encodings |= dict.fromkeys(_plain(headers.get("JsonContentTypes", [])), "JSON")
        self._lines: list[str] = []
        self._size = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def take(self, sent: tuple[str, bytes], answered: tuple[str, bytes], inference_id: str | None, custom: str) -> None:
        """Capture one request and its answer (content type and body of each), if chance will have it."""
        if random.uniform(0, 100) >= self._config["InitialSamplingPercentage"]:  # noqa: S311
            return
        data = {}
        for part, mode, (content_type, body) in (
            ("endpointInput", "INPUT", sent),
            ("endpointOutput", "OUTPUT", answered),
        ):
            if part in self._parts:
                data[part] = {"observedContentType": content_type, "mode": mode, **self._encoded(content_type, body)}
        about = {"eventId": str(uuid.uuid4()), "inferenceTime": _time()}
        if inference_id:
            about["inferenceId"] = inference_id
        if custom:
            about["customAttributes"] = [custom]  # type: ignore[assignment]
        line = json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"})
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            full = self._size >= SIZE
            if self._timer is None or full:
                self._schedule(0.0 if full else AGE)

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            lines, self._lines, self._size = self._lines, [], 0
            if self._timer:
                self._timer.cancel()
            self._timer = None
        if not lines:
            return
        now = datetime.now(UTC)
        milliseconds = now.microsecond // 1000
        uri = f"{self._root}/{now:%Y/%m/%d/%H}/{now:%M-%S}-{milliseconds:03}-{uuid.uuid4()}.jsonl"
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "capture.jsonl"
                file.write_text("\n".join(lines) + "\n")
                self._storage.upload(file, uri, self._config.get("KmsKeyId"))
        except (TransferError, BotoCoreError, OSError) as error:  # a full disk, too: the endpoint goes on, or ends
            logger.warning("Captured data is lost: %s", error)

    def _schedule(self, wait: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(wait, self.flush)
        self._timer.daemon = True
        self._timer.start()

    def _encoded(self, content_type: str, body: bytes) -> dict[str, str]:
        """The data, by the content type's encoding; base64 for all types that the configuration does not name."""
        encoding = self._encodings.get(content_type.partition(";")[0].strip().lower(), "BASE64")
        if encoding != "BASE64":
            try:
                return {"data": body.decode(), "encoding": encoding}
            except UnicodeDecodeError:
                encoding = "BASE64"
        return {"data": base64.b64encode(body).decode(), "encoding": encoding}


def _plain(types: list[str]) -> list[str]:
    return [each.lower() for each in types]


def _time() -> str:
    return datetime.fromtimestamp(int(time.time()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
