"""Seam: loopback counts as secure transport.

The local cloud speaks plain HTTP and listens on the loopback address only, where nobody can listen in; policies that
refuse anything but TLS (``aws:SecureTransport``) are written for a network.
"""

from ministack import app
from ministack.core.iam_evaluator import pin_request_origin


def install() -> None:
    """Let every request be judged as one that came over TLS."""
    app.pin_request_origin = _pin_secure


def _pin_secure(source_ip: str, _secure_transport: bool) -> None:
    pin_request_origin(source_ip, True)
