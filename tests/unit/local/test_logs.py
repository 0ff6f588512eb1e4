"""The log of a container is read whatever else the cloud has open."""

import fcntl
import os
import resource
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from waiting import eventually

from headgate_local.sagemaker import logs
from headgate_local.sagemaker.logs import LogStream


class Kept:
    """Stands where CloudWatch Logs is reached; what is tested is the reading of the output."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def create_log_group(self, **_names: str) -> None: ...

    def create_log_stream(self, **_names: str) -> None: ...

    def put_log_events(self, *, logEvents: list[dict[str, Any]], **_names: str) -> None:
        self.messages += [event["message"] for event in logEvents]


def test_output_is_read_beyond_a_thousand_file_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    reader, writer = os.pipe()
    high = fcntl.fcntl(reader, fcntl.F_DUPFD, 1500)
    os.close(reader)
    client = Kept()
    log = LogStream(client, "group", "stream", os.fdopen(high, "rb", buffering=0))
    os.write(writer, b"one\ntwo\n")
    os.close(writer)
    log.finish()
    assert client.messages == ["one", "two"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_keeps_the_output_of_a_container_open_after_its_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "LAST", 0.05)
    reader, writer = os.pipe()
    client = Kept()
    log = LogStream(client, "group", "stream", os.fdopen(reader, "rb", buffering=0))
    os.write(writer, b"one\ntwo")
    log.finish()
    assert client.messages == ["one", "two"]
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"three")
    os.close(writer)


def test_a_log_that_cannot_be_sent_ends_no_container_and_goes_on_when_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAUSE", 0.01)
    client = Kept()
    tries = []

    def refused(**_names: str) -> None:
        tries.append(None)
        raise ReadTimeoutError(endpoint_url="http://busy")

    monkeypatch.setattr(client, "create_log_group", refused)
    reader, writer = os.pipe()
    log = LogStream(client, "group", "stream", os.fdopen(reader, "rb", buffering=0))
    os.write(writer, b"lost\n")
    eventually(lambda: tries)
    monkeypatch.undo()
    os.write(writer, b"kept\n")  # nobody would read it any more: BrokenPipeError
    os.close(writer)
    log.finish()
    assert (client.messages, list(log.tail)) == (["kept"], ["lost", "kept"])
