"""Connections and file descriptors of the cloud, which many short-lived clients must not use up."""

import socket
from pathlib import Path

from waiting import eventually


def test_what_a_client_closes_is_closed(cloud) -> None:
    descriptors = Path(f"/proc/{cloud.process.pid}/fd")
    host, port = cloud.url.removeprefix("http://").split(":")
    before = len(list(descriptors.iterdir()))
    for _ in range(40):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1 << 12).startswith(b"HTTP/1.1 200")
    eventually(lambda: len(list(descriptors.iterdir())) < before + 20, seconds=20)
