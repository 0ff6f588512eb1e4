"""What a state machine's role must allow for an event that it puts on a bus."""

from headgate_local.seams.permissions import requirements


def test_each_bus_is_asked_for_with_what_conditions_may_ask_of_the_event() -> None:
    entries = [{"Source": "headgate", "DetailType": "RetrainRequested"}, {"Source": "x", "EventBusName": "mine"}]
    found = requirements("arn:aws:states:::events:putEvents", {"Entries": entries})
    assert [(action, arn.rpartition("/")[2]) for action, arn, _ in found] == [
        ("events:PutEvents", "default"),
        ("events:PutEvents", "mine"),
    ]
    assert found[0][2] == {"events:source": "headgate", "events:detail-type": "RetrainRequested"}
