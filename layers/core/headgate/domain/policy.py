"""The policy: what is done about an alarm. One pure decision, with the clock as an argument and the reason in words.

The questions are asked in an order that tells what they protect: first whether the alarm still means what serves, then
whether somebody else is at it already, then what the project wants, and last how often that may be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headgate.domain.alarms import AlarmNow
from headgate.domain.incidents import (
    BY_HAND,
    ENDPOINT,
    RETRAINING,
    ROLLING_BACK,
    Action,
    Incident,
    IncidentOutcome,
    IncidentState,
)
from headgate.domain.maintenance import ends_of_window
from headgate.domain.releases import Release
from headgate.domain.retraining import NO_DATA, NOTHING_NEW, asked_for
from headgate.domain.rules import DEFAULTS, Rules
from headgate.domain.runs import Outcome, Run

SOON, LONGEST_PAUSE = 300, 86_400
"""Seconds until a red alarm is looked at again: after what passes soon, and at most."""
LOOKS = 12
"""How often a red alarm is looked at again before people have to."""
_WEEK = timedelta(days=7)
_STUCK = timedelta(hours=24)
"""An incident that was decided so long ago and is not over does not hold others up."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision rests on.

    `champion` is what serves by the ledger, `serves` whether there is an endpoint, `status` how that is, `moving`
    whether a release is on its way, `on_its_way` which one that a person may take back, `alarm` how the alarm is now
    (None: gone), `past` the project's other incidents, `tenant_retrains` how many retrainings alarms of the tenant
    asked for today, `runs` the project's runs, which tell what came of those.
    """

    incident: Incident
    champion: Release | None
    serves: bool = True
    status: str = "InService"
    moving: bool = False
    on_its_way: Release | None = None
    alarm: AlarmNow | None = None
    past: Sequence[Incident] = ()
    tenant_retrains: int = 0
    runs: Sequence[Run] = ()

    def retraining(self, incident: Incident) -> Run | None:
        """The run that an incident's retraining led to; None where there is none yet."""
        return asked_for(self.runs, incident.incident)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, why, and which page people are told of; `look_again` are seconds until the alarm is looked at
    again, None where nobody needs to. `freezes`: nothing is released until people have looked. `fails_closed`: where
    a rollback finds nothing to go back to, the endpoint stops to answer. `takes_back` is the release on its way whose
    requests go back at once.
    """

    action: Action
    reason: str
    runbook: str | None = None
    look_again: int | None = None
    freezes: bool = False
    fails_closed: bool = False
    takes_back: int | None = None


def decide(seen: Situation, rules: Rules, now: str) -> Decision:
    """Decide what is done about an incident; asking again in the same situation gives the same answer."""
    at = datetime.fromisoformat(now)
    champion, kind = seen.champion, seen.incident.kind
    made_anew = kind == BY_HAND and (seen.incident.to is not None or seen.on_its_way is not None)
    if champion is None or not (seen.serves or made_anew):
        gone = "its endpoint is deleted" if champion is not None else "nothing is in service"
        anew = " Name the version that shall serve on a new one: `headgate rollback --to VERSION`."
        return _ignored(f"There is nothing to act on: {gone}.{anew if champion and kind == BY_HAND else ''}")
    if kind == BY_HAND:
        return _by_hand(seen)
    if kind == ENDPOINT:
        return _repair(seen, champion, rules, at)
    passed = _over(seen) or _of_another_release(seen, champion) or _others_at_it(seen, at)
    return _bounded(passed or _answer(seen, champion, rules, at), seen.incident)


def _by_hand(seen: Situation) -> Decision:
    """What a person asks for is done; of a release that is on its way the person sees enough."""
    asked = f"{seen.incident.by} asked for it: {seen.incident.said}".rstrip(": ")
    if (going := seen.on_its_way) is None:
        return Decision(Action.ROLLBACK, asked)
    said = f"{asked.rstrip('.')}. Release {going.sequence} was on its way."
    return Decision(Action.ROLLBACK, said, takes_back=going.sequence)


def _bounded(decision: Decision, incident: Incident) -> Decision:
    """An alarm that was looked at so often and is red still is people's."""
    if decision.look_again is None or incident.look < LOOKS:
        return decision
    if decision.action != Action.IGNORE:
        return replace(decision, look_again=None)
    reason = f"The alarm is red still, after {_times(incident.look, 'look')}. {decision.reason}"
    return Decision(Action.PAGE, reason, _page_of(incident.kind))


def _answer(seen: Situation, champion: Release, rules: Rules, at: datetime) -> Decision:
    """What the project wants done about an alarm that means what serves, and that nobody is at yet."""
    kind = seen.incident.kind
    wanted = rules.answer_to(kind)
    if (end := ends_of_window(rules.maintenance, at)) is not None:
        wait = round((end - at).total_seconds()) + 1
        return _ignored(f"It is a maintenance window, until {end:%H:%M} UTC.", wait)
    if wanted == Action.IGNORE:
        return _ignored(f"The project ignores alarms of the kind {kind}.")
    if wanted in ROLLING_BACK:
        return _rollback(seen, champion, wanted, rules, at)
    if wanted in RETRAINING:
        return _retrain(seen, rules, at)
    return _page(seen, f"The project wants people told of alarms of the kind {kind}.", rules, at)


def _over(seen: Situation) -> Decision | None:
    """Whether the alarm is over or was switched off; the time of its state decides, not the order of events."""
    alarm = seen.alarm
    if alarm is None:
        return _ignored("The alarm was deleted.")
    if not alarm.active:
        return _ignored("The alarm's actions are switched off (ActionsEnabled is false).")
    if alarm.state != "ALARM":
        return _ignored(f"The alarm was {alarm.state} again since {alarm.since}, before anything was done.")
    return None


def _of_another_release(seen: Situation, champion: Release) -> Decision | None:
    """Whether the alarm is about what serves now; only what it looked at after the promotion can tell. One about a
    release on its way means what serves in a moment.
    """
    incident, begun = seen.incident, champion.in_service_at or champion.at
    if incident.watches is not None:
        if incident.watches == champion.name:
            return None
        other = f"The alarm is about {incident.watches}, and {champion.name} serves now."
        return _ignored(other, SOON if seen.moving else None)
    looked_at = incident.since or incident.at
    if incident.look or looked_at >= begun:
        return None
    return _ignored(
        f"The alarm looked at the time from {looked_at} on, and {champion.name} serves since {begun}.",
        SOON,
    )


def _others_at_it(seen: Situation, at: datetime) -> Decision | None:
    """Whether a rollout or another incident is at work on this endpoint."""
    acting = [
        each
        for each in seen.past
        if each.state == IncidentState.DECIDED
        and each.action in ROLLING_BACK | RETRAINING
        and at - datetime.fromisoformat(str(each.decided_at)) < _STUCK
    ]
    if acting:
        other = acting[0]
        return _ignored(f"Incident {other.incident} is at it already ({other.action}).", SOON)
    if seen.moving:
        return _ignored("A release is on its way; the alarms that guard it decide.", SOON)
    return None


def _rollback(seen: Situation, champion: Release, wanted: Action, rules: Rules, at: datetime) -> Decision:
    kind, served_as = seen.incident.kind, _served_as(champion, seen.past)
    promoted = served_as[-1]
    if champion.repeats is not None and (promoted == champion.sequence or _made(promoted, seen.past) is not None):
        reason = (
            f"Release {champion.sequence} is itself a rollback, to version {champion.version}, and {kind} ring again: "
            "one automatic rollback for each promotion is all there is, and people have to decide."
        )
        return _page(seen, reason, rules, at, "rolled-back-twice", freezes=True)
    tried = [each for each in _went_back(seen.past) if each.kind != ENDPOINT and each.release in served_as]
    if tried:
        reason = (
            f"Going back from release {champion.sequence} was tried already (incident {tried[0].incident}): "
            f"{tried[0].done or 'it is not over.'}"
        )
        return _page(seen, reason, rules, at, "rolled-back-twice", freezes=True)
    reason = f"Version {champion.version} serves since {champion.in_service_at}, and its {kind} alarm rings."
    if wanted == Action.ROLLBACK_THEN_RETRAIN and (then := _retrain(seen, rules, at)).action != Action.RETRAIN:
        wanted, reason = Action.ROLLBACK, f"{reason} No retraining follows: {then.reason}"
    # An alarm of the version that is left says nothing of the one that follows.
    later = None if seen.incident.watches is not None else SOON
    return Decision(wanted, reason, "rolled-back", later, fails_closed=rules.fails_closed)


def _went_back(past: Iterable[Incident]) -> list[Incident]:
    """The incidents that led to a rollback, or to the attempt; what found nothing to do is none."""
    return [each for each in past if each.action in ROLLING_BACK and each.outcome != IncidentOutcome.IGNORED]


def _made(sequence: int, past: Iterable[Incident]) -> Incident | None:
    return next((each for each in past if each.rollback == sequence), None)


def _served_as(champion: Release, past: Sequence[Incident]) -> list[int]:
    """As which releases the champion serves, back to the one that was promoted: an endpoint that was made anew is a
    release of its own, but no promotion, and no rollback.
    """
    found = [champion.sequence]
    while (made := _made(found[-1], past)) and made.kind == ENDPOINT and made.release is not None:
        found.append(made.release)
    return found


def _repair(seen: Situation, champion: Release, rules: Rules, at: datetime) -> Decision:
    """An endpoint that failed can only be deleted (DescribeEndpoint, API reference), so it is made anew: once a day,
    for what fails again is not mended by that. A release that is on its way keeps the endpoint until it is settled.
    """
    if seen.status == "UpdateRollbackFailed":
        reason = (
            "Neither the new version nor the way back went through: the endpoint serves with a mix of two versions."
        )
        return _page(seen, reason, rules, at, "update-rollback-failed", freezes=True)
    if seen.status != "Failed":
        return _ignored(f"The endpoint is {seen.status} now.")
    tried = [each for each in _went_back(seen.past) if each.kind == ENDPOINT]
    if recent := [each for each in tried if at - _decided(each) < timedelta(days=1)]:
        if recent[0].state == IncidentState.DECIDED:
            return _ignored(f"Incident {recent[0].incident} is at it already ({recent[0].action}).")
        reason = f"The endpoint is Failed, and was made anew less than a day ago (incident {recent[0].incident})."
        return _page(seen, reason, rules, at, "endpoint-failed", freezes=True)
    reason = f"The endpoint of release {champion.sequence} is Failed: it answers nobody, and can only be made anew."
    return Decision(Action.ROLLBACK, reason, "endpoint-failed")


def _retrain(seen: Situation, rules: Rules, at: datetime) -> Decision:
    """A retraining, unless one was asked for lately, too many were, or they do not help."""
    kind = seen.incident.kind
    every = [each for each in seen.past if each.action in RETRAINING and each.decided_at is not None]
    of_kind = [each for each in every if each.kind == kind and at - _decided(each) < _WEEK]
    if (going := next((run for each in of_kind if (run := seen.retraining(each)) and not run.ended), None)) is not None:
        return _ignored(f"A retraining is on its way: run {going.run}.", _wait(rules.cool_down))
    if (why := _in_vain(seen, of_kind, rules)) is not None:
        return _page(seen, f"The {kind} alarm rings {why}", rules, at, "retraining-in-vain")
    hold_off = rules.cool_down * 2 ** max(0, len(of_kind) - 1)
    if of_kind and (left := hold_off - _since(of_kind, at)) > 0:
        return _ignored(f"A retraining was asked for {_minutes(_since(of_kind, at))} ago; it needs time.", _wait(left))
    today = sum(at - _decided(each) < timedelta(days=1) for each in every)
    if today >= rules.retrains_per_day:
        reason = f"The project's budget of {_times(rules.retrains_per_day, 'retraining')} a day is used up."
        return _page(seen, reason, rules, at, "budget-used-up")
    if seen.tenant_retrains >= rules.tenant_retrains_per_day:
        reason = f"The tenant's budget of {_times(rules.tenant_retrains_per_day, 'retraining')} a day is used up."
        return _page(seen, reason, rules, at, "budget-used-up")
    again = f", for the {len(of_kind) + 1}. time in a week" if of_kind else ""
    return Decision(Action.RETRAIN, f"The {kind} alarm rings{again}.", "retraining", _wait(2 * hold_off))


def _in_vain(seen: Situation, asked: Sequence[Incident], rules: Rules) -> str | None:
    """Why another retraining would not help: so many did not, or the last found nothing to learn."""
    if len(asked) >= rules.retrains_in_vain:
        ended = [run for each in asked if (run := seen.retraining(each)) is not None]
        told = f" ({', '.join(f'{run.state}: {run.reason_code}' for run in ended)})" if ended else ""
        times = _times(len(asked), "retraining")
        return f"after {times} in a week{told}: another one would not help. No more are asked for."
    if (last := _nothing_to_learn(seen, asked)) is not None:
        return f"still, and the retraining that it asked for could not begin. {last.reason}"
    return None


def _nothing_to_learn(seen: Situation, asked: Sequence[Incident]) -> Run | None:
    """The run of the last retraining, if there was nothing to train on and no dataset has come since."""
    last = max(asked, key=_decided, default=None)
    run = seen.retraining(last) if last is not None else None
    if run is None or run.reason_code not in (NOTHING_NEW, NO_DATA):
        return None
    came = any(
        each.retrain is None and each.state != Outcome.REJECTED and each.arrived_at > run.arrived_at
        for each in seen.runs
    )
    return None if came else run


def _page(
    seen: Situation, reason: str, rules: Rules, at: datetime, runbook: str | None = None, *, freezes: bool = False
) -> Decision:
    """People are told, once in a cool-down for each kind of alarm."""
    same = [
        each
        for each in seen.past
        if each.action == Action.PAGE and each.kind == seen.incident.kind and each.decided_at is not None
    ]
    if same and (left := rules.cool_down - _since(same, at)) > 0:
        ignored = _ignored(f"People were told {_minutes(_since(same, at))} ago. {reason}", _wait(left))
        return replace(ignored, freezes=freezes)
    return Decision(Action.PAGE, reason, runbook or _page_of(seen.incident.kind), None, freezes)


def _page_of(kind: str) -> str:
    """The runbook's page for alarms of a kind."""
    return kind.replace("_", "-") if kind in DEFAULTS and kind != "other" else "other-alarm"


def _ignored(reason: str, look_again: int | None = None) -> Decision:
    return Decision(Action.IGNORE, reason, None, look_again)


def _decided(incident: Incident) -> datetime:
    return datetime.fromisoformat(str(incident.decided_at))


def _since(incidents: Iterable[Incident], at: datetime) -> float:
    return (at - max(_decided(each) for each in incidents)).total_seconds()


def _wait(seconds: float) -> int:
    return min(LONGEST_PAUSE, max(1, round(seconds) + 1))


def _minutes(seconds: float) -> str:
    return f"{round(seconds / 60)} min" if seconds >= 60 else f"{round(seconds)} s"


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
