"""What can be set of how a project answers alarms."""

from typing import Annotated, Any, Literal

from pydantic import Field

from headgate.domain.rules import DEFAULTS, Rules
from headgate.domain.section import Section

Answer = Literal["rollback", "retrain", "rollback-then-retrain", "page", "ignore"]
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_Window = Annotated[str, Field(pattern=rf"^((mon|tue|wed|thu|fri|sat|sun) )?{_TIME}-{_TIME}$")]
_RULES = Rules()
"""What the policy does where nothing is said."""


def _answer(kind: str, description: str) -> Any:
    return Field(default=str(DEFAULTS[kind]), description=description)


class RespondSettings(Section):
    """What follows from an alarm, by its kind, and how often at most."""

    errors: Answer = _answer("errors", "requests to the version that serves fail")
    latency: Answer = _answer("latency", "it answers too slowly")
    traffic: Answer = _answer("traffic", "no requests come any more where there were some")
    saturation: Answer = _answer("saturation", "its instances have as much to do as they can")
    drift: Answer = _answer("drift", "requests, or its answers, are not as they were in training")
    missing_features: Answer = _answer(
        "missing_features", "values are missing in requests; a model trained on such data would be no better"
    )
    quality: Answer = _answer("quality", "its answers are worse than when it was judged")
    groups: Answer = _answer("groups", "groups of `sensitive` are told apart more than in training")
    cost: Answer = _answer("cost", "more instances serve than the project means to pay for")
    other: Answer = _answer("other", "any other alarm that names the project in its tags")
    nothing_behind: Literal["page", "fail-closed"] = Field(
        default="page",
        description="what becomes of a version that shall be left when no version before it can serve, as of the first "
        "one: it answers on and people are told, or its endpoint is deleted too, so that nobody gets its answers",
    )
    cool_down_minutes: float = Field(
        default=_RULES.cool_down / 60,
        ge=0,
        le=10_080,
        description="for how long the same answer to the same kind of alarm is not given again; it doubles with each "
        "retraining that did not help",
    )
    retrains_per_day: int = Field(
        default=_RULES.retrains_per_day, ge=0, le=24, description="retrainings that alarms may ask for in a day"
    )
    retrains_in_vain: int = Field(
        default=_RULES.retrains_in_vain,
        ge=1,
        le=10,
        description="retrainings in a week that did not silence the alarm, until people decide",
    )
    maintenance: list[_Window] = Field(
        default_factory=list,
        max_length=20,
        description="times in UTC in which alarms are recorded and nothing is done, as `sun 02:00-04:00` or, every "
        "day, `02:00-04:00`",
    )
