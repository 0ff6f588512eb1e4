"""A freeze: nothing new is put in service until somebody lifts it, or its time is over. The way back stays open."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze of a project, as its head keeps it; the last one stays known once it is lifted.

    `who` is a person, or `policy` where `incident` says what for. Times are as the ledger writes them, `until` None
    where somebody has to lift it.
    """

    who: str
    why: str
    at: str
    until: str | None = None
    incident: str | None = None
    lifted_by: str | None = None
    lifted_at: str | None = None

    def stands(self, now: str) -> bool:
        """Whether it holds now: it is neither lifted nor over."""
        return self.lifted_at is None and (self.until is None or now < self.until)

    @property
    def words(self) -> str:
        """Since when, by whom, until when and why."""
        until = f"until {self.until}" if self.until else "until somebody lifts it"
        return f"since {self.at} by {self.who}, {until}: {self.why}"


def standing(freeze: Freeze | None, now: str) -> Freeze | None:
    """The freeze, where it holds now."""
    return freeze if freeze is not None and freeze.stands(now) else None


def joined(known: Freeze | None, wanted: Freeze) -> Freeze:
    """What holds after an incident wants a freeze: one that somebody has to lift is not replaced."""
    there = standing(known, wanted.at)
    return there if there is not None and there.until is None else wanted
