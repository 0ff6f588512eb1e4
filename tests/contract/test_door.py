"""Who is let in at the local cloud's door at all, whatever credentials say."""

import asyncio
import http.client

import pytest

from headgate_local.seams.door import guarded

EVIL = "http://evil.example"


def ask(cloud, method: str, path: str, body: str = "", **headers: str) -> int:
    """The status of a request without credentials."""
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/reset?init=1"),
        ("POST", "/%5fministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/ses/messages"),
        ("GET", "/_ministack/sns/sms-messages"),
        ("GET", "/_ministack/lambda-code/000000000000/eu-central-1/f"),
        ("GET", "/_ministack/lambda-layers/000000000000/eu-central-1/l/1/content"),
        ("GET", "/_ministack/transfer/sftp-ports"),
        ("POST", "/_ministack/eks-auth/000000000000/eu-central-1/c/t"),
        ("POST", "/_ministack/rds/iam-auth"),
    ],
)
def test_what_needs_no_credentials_is_closed(cloud, method, path) -> None:
    assert ask(cloud, method, path) == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_ministack/health", 200),
        ("GET", "/_ministack/ready", 200),
        ("PUT", "/_ministack/cfn-response/no-such-token", 200),
        ("PUT", "/_ministack/cfn-signal/no-such-token", 404),
    ],
)
def test_what_is_harmless_or_works_by_a_secret_is_open(cloud, method, path, status) -> None:
    assert ask(cloud, method, path) == status


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:8000"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/_ministack/health"), ("OPTIONS", "/"), ("POST", "/")])
def test_no_web_page_is_answered(cloud, method, path, origin) -> None:
    assert ask(cloud, method, path, Origin=origin) == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:4566", 200),
        ("127.0.0.2", 200),
        ("[::1]:4566", 200),
        ("bucket.s3.localhost:4566", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example:4566", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1@evil.example", 403),
        ("10.0.0.1", 403),
        ("[", 403),
    ],
)
def test_it_is_called_by_a_name_of_this_computer_only(cloud, host, status) -> None:
    assert ask(cloud, "GET", "/_ministack/health", Host=host) == status


def test_a_web_socket_of_a_page_is_closed() -> None:
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message) -> None:
        sent.append(message["type"])

    async def inside(*_) -> None:
        sent.append("inside")

    for headers in ([(b"host", b"localhost")], [(b"host", b"localhost"), (b"origin", EVIL.encode())], []):
        asyncio.run(guarded(inside)({"type": "websocket", "path": "/", "headers": headers}, receive, send))
    assert sent == ["inside", "websocket.close", "websocket.close"]
