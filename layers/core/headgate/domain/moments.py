"""Times as the ledger writes them: texts that sort by time."""

from datetime import UTC, datetime


def written(moment: datetime) -> str:
    """A time, with its time zone, as the ledger writes it: UTC, ISO 8601, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
