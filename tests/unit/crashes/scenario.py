"""What happens on a road, and around what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """What happens, and around what: the versions that want the endpoint, in the order in which they come.

    `served` versions were promoted before; `broken` releases do not come up; `events` says how often the endpoint's
    events arrive, and `late` that they do only when all is over; `quick`, that a change is over with the next call.
    `incidents` are those of alarms on what serves: each leads to a rollback.
    `fails_closed`: a bad version with nothing behind it is taken out of service. `trial` is what a trial of the kind
    `strategy` finds, "" where none is asked for; what passes takes over. `person` is the word of somebody who has to
    approve of the versions, "" where nobody has to, "-" of who is silent. `by_hand`: the incident is a person's, who
    takes the release back while it bakes, and SageMaker has "heard" of it, or was "deaf". The `watch` of a release
    "passes" it in the bake; or once it serves finds it "good late" or "bad late"; or is "silent".
    """

    name: str
    runs: tuple[str, ...] = ("b",)
    served: tuple[str, ...] = ("a",)
    broken: frozenset[str] = frozenset()
    events: int = 1
    late: bool = False
    quick: bool = False
    instances: int = 2
    fails_before: bool = False
    incidents: tuple[str, ...] = ()
    person: str = ""
    machine: str = "ml.m5.large"
    fails_closed: bool = False
    trial: str = ""
    strategy: str = "shadow"
    by_hand: str = ""
    watch: str = "passes"

    def __str__(self) -> str:
        return self.name
