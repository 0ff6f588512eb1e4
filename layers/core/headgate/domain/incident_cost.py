"""What the answer to an incident costs beside what would have been paid anyway, in words: an estimate, on demand.

A rollback pays for the instances that stand while those of the version that is left still do; a retraining for what it
trains on, which is told by what the last one came to.
"""

from datetime import datetime

from headgate.domain.incidents import ENDPOINT, RETRAINING, Incident, IncidentOutcome
from headgate.domain.prices import hourly_price
from headgate.domain.releases import Release

_LISTED = "at list prices, on demand"


def told_cost(incident: Incident, made: Release | None, left: Release | None, last_training: float | None) -> str:
    """What the answer to an incident that is over cost, in a sentence.

    Args:
        incident: that is over.
        made: the release that was made to go back, if one was.
        left: the release that served when it was decided.
        last_training: USD that the training of the version that serves came to; None where that is not known.
    """
    if incident.outcome == IncidentOutcome.TAKEN_OUT_OF_SERVICE:
        return "nothing more; the endpoint's instances are not paid for any longer."
    parts = []
    if made is not None:
        parts.append(_of_instances(incident, made, left))
    if incident.action in RETRAINING and incident.outcome in (
        IncidentOutcome.RETRAINING_ASKED_FOR,
        IncidentOutcome.ROLLED_BACK,
    ):
        parts.append(_of_training(last_training))
    return " ".join(parts) if parts else "nothing was started, so nothing."


def _of_instances(incident: Incident, made: Release, left: Release | None) -> str:
    """Two fleets stand from the decision to the end at most."""
    if incident.kind == ENDPOINT:
        return "the new endpoint's instances, in the place of those that failed."
    if made.serverless is not None:
        return "nothing beside the requests: there are no instances."
    count = made.capacity_after or (left.capacity_after if left is not None else None) or made.instance_count
    if incident.decided_at is None or incident.ended_at is None:
        return f"{_counted(count)} of {made.instance_type} beside those that served, for as long as it took."
    lasted = datetime.fromisoformat(incident.ended_at) - datetime.fromisoformat(incident.decided_at)
    hours = count * lasted.total_seconds() / 3600
    price = hourly_price(made.instance_type)
    usd = f", about {_usd(hours * price)} {_LISTED}" if price is not None else ", at a price that is not known here"
    return f"{_hours(hours)} of {made.instance_type} beside those that served, at most{usd}."


def _of_training(last: float | None) -> str:
    if last is None:
        return "A retraining, whose record will tell what it came to."
    return f"A retraining; the last one came to about {_usd(last)} {_LISTED}, and its own record will tell."


def _counted(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def _hours(hours: float) -> str:
    return f"{hours:.2f} instance hours" if hours >= 0.01 else f"{hours * 3600:.0f} instance seconds"


def _usd(amount: float) -> str:
    return "less than a cent" if amount < 0.01 else f"{amount:.2f} USD"
