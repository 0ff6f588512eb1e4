"""Requests on the wire: a raw client of one connection, and the bytes that it sends."""

import socket
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from headgate_local.card import Card

CONTENT_TYPE = "application/json"


def plain(body: bytes) -> bytes:
    """A request to the program of an instance."""
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def signed(cloud: Card, endpoint: str, body: bytes) -> bytes:
    """An InvokeEndpoint, signed once; it is good for some minutes."""
    url = f"{cloud.endpoint_url}/endpoints/{endpoint}/invocations"
    request = AWSRequest("POST", url, headers={"Content-Type": CONTENT_TYPE}, data=body)
    keys = Credentials(cloud.access_key_id, cloud.secret_access_key)
    SigV4Auth(keys, "sagemaker", cloud.region).add_auth(request)
    where = urlsplit(url)
    headers = {"Host": where.netloc, **dict(request.headers), "Content-Length": str(len(body))}
    lines = [f"POST {where.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class KeptAlive:
    """A raw client: one connection, one request that is sent again and again."""

    def __init__(self, port: int, request: bytes) -> None:
        self._request = request
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = self._socket.makefile("rb")

    def __call__(self) -> bytes:
        """Send the request; the answer's body."""
        self._socket.sendall(self._request)
        status, length = self._answer.readline(), 0
        while (line := self._answer.readline()) != b"\r\n":
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        body = self._answer.read(length)
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r}: {body!r}")
        return body
