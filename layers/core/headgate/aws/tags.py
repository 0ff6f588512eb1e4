"""Tags as most services of AWS take them."""

from collections.abc import Mapping


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a request names them."""
    return [{"Key": name, "Value": value} for name, value in tags.items()]
