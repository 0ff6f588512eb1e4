"""Seam: who is let in at all, before MiniStack looks at a request.

MiniStack answers a few paths to whoever asks, without credentials: some empty the cloud, change its settings or show
what its queues hold. And any web page can have a browser call a port of this computer. So those paths are closed, but
for what is harmless or works by a secret of its own; and so is everything for what a browser sends for a page: it
names the page in `Origin`, and in `Host` the address that it believes to call, which is the page's own when that name
was made to lead here (DNS rebinding).
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

OWN = "/_ministack/"
"""Below this lies what MiniStack adds to AWS's interfaces."""
OPEN = {"/_ministack/health", "/_ministack/ready"}
BY_SECRET = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
"""Where functions of custom resources answer, and signals of wait conditions go: what follows is a secret token."""


def guarded(application: Application) -> Application:
    """The same ASGI application behind the door."""

    async def enter(scope: Message, receive: Receive, send: Send) -> None:
        refusal = None if scope["type"] == "lifespan" else refused(scope)
        if refusal is None:
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            body = json.dumps({"__type": "AccessDeniedException", "message": refusal}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return enter


def refused(scope: Message) -> str | None:
    """Why a request is not let in; None for one that is."""
    hosts = list(_values(scope, b"host"))
    if not hosts or not all(map(_is_loopback, hosts)):
        return "The local cloud is called by its loopback address: name 127.0.0.1 or localhost as the host."
    if any(True for _ in _values(scope, b"origin")):
        return "The local cloud answers no web pages."
    path = scope["path"]
    if path.startswith(OWN) and path not in OPEN and not path.startswith(BY_SECRET):
        return f"The local cloud does not offer {path}."
    return None


def _values(scope: Message, header: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for name, value in scope["headers"] if name.lower() == header)


def _is_loopback(host: str) -> bool:
    """Whether a Host names this computer: `localhost` and what lies below it lead nowhere else (RFC 6761, 6.3)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
